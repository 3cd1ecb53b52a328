"""What every importer needs of MLIR: one context, and the entry point of a module that was imported into it."""

from __future__ import annotations

import functools
import importlib.util
import re
import sys

from iree.compiler.ir import Context, Module

from runner.work import EntryPoint

#: Python classes of the torch dialect's operations, which the package does not have.
_OPERATIONS = "iree.compiler.dialects.torch"
_TENSOR = re.compile(r"^(?:!torch\.vtensor<(?:\[[^\]]*\]|\*),|tensor<(?:(?:\d+|\?)x)*)([\w<>]+)>$")


@functools.cache
def context() -> Context:
    """One context without a thread pool, so that it may be made before a fork."""
    if importlib.util.find_spec(_OPERATIONS) is None:  # MLIR would look for it again with every operation
        sys.modules[_OPERATIONS] = None  # type: ignore[assignment]  # so Python is told that there is none
    made = Context()
    made.enable_multithreading(False)
    return made


def entry_point(module: Module) -> EntryPoint:
    """The one public function of the module, and its results' element types; raises ValueError if it is not one."""
    functions = [each for each in module.body.operations if each.operation.name == "func.func"]
    public = [each for each in functions if "sym_visibility" not in each.operation.attributes]
    if len(public) != 1:
        msg = f"the module has {len(public)} public functions: {', '.join(each.name.value for each in public)}"
        raise ValueError(msg)
    return EntryPoint(public[0].name.value, tuple(_element(str(each)) for each in public[0].type.results))


def _element(mlir_type: str) -> str:
    """``f32`` of ``!torch.vtensor<[2,3],f32>``; the whole type where it is no tensor."""
    match = _TENSOR.match(mlir_type)
    return match.group(1) if match else mlir_type

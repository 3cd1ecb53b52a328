"""An .onnx file becomes a module by the functions of the installed ``iree-import-onnx``, in this process."""

from __future__ import annotations

import copy
import functools
import pathlib
from collections.abc import Sequence
from typing import Any

import onnx
from iree.compiler.extras import onnx_importer
from iree.compiler.ir import Module
from iree.compiler.tools.import_onnx import __main__ as tool

from runner.frontends.mlir import context, entry_point
from runner.work import Imported
from schemas.case import Case

#: Below this many bytes of model, the module is written as text, which a bug report can quote; above it as bytecode.
_TEXT_LIMIT = 1 << 20
EXTERNALIZE = "--externalize-params"


def import_file(model: pathlib.Path, folder: pathlib.Path, flags: Sequence[str]) -> Imported:
    """Do what ``iree-import-onnx MODEL -o MODULE FLAGS…`` does.

    The steps are the tool's ``main``: load, check, infer shapes, import, verify. They are taken here one by one because
    the tool prints text only and leaves the module, whose entry point is needed, behind. Raises what the tool raises.
    """
    as_text = model.stat().st_size < _TEXT_LIMIT
    module_file = folder / ("model.mlir" if as_text else "model.mlirbc")
    arguments = parse(model, module_file, tuple(flags))
    if arguments.externalize_params:
        return _import_externalized(arguments, module_file)
    proto = tool.load_onnx_model(arguments)
    info = onnx_importer.ModelInfo(proto)
    module = info.create_module(context=context())
    onnx_importer.NodeImporter.define_function(info.main_graph, module.operation).import_all()
    if not arguments.no_verify:
        module.operation.verify()
    if as_text:
        module_file.write_text(module.operation.get_asm(assume_verified=not arguments.no_verify))
    else:
        with module_file.open("wb") as file:
            module.operation.write_bytecode(file)
    return Imported(module_file, entry_point(module))


def flags_of(case: Case) -> tuple[str, ...]:
    """The case's import flags, and the one that its tuning stands for. How large weights are is not looked at."""
    if case.tuning.externalize and EXTERNALIZE not in case.import_flags:
        return (*case.import_flags, EXTERNALIZE)
    return case.import_flags


def parse(model: pathlib.Path, module: pathlib.Path, flags: tuple[str, ...]) -> Any:
    """The tool's own arguments; raises ValueError where the tool would print its usage and exit."""
    arguments = copy.copy(_parsed(flags))
    arguments.input_file, arguments.output_file = model, str(module)
    return arguments


@functools.cache
def _parsed(flags: tuple[str, ...]) -> Any:
    """The same of any model: to make its parser takes the tool a tenth of what an import takes."""
    try:
        return tool.parse_arguments(["model", "-o", "module", *flags])
    except SystemExit as error:
        msg = f"iree-import-onnx refuses its flags: {' '.join(flags)}"
        raise ValueError(msg) from error


def warm_up() -> None:
    """Import a one-node model, so that what is loaded on first use is loaded before the zygote forks."""
    value = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    result = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])
    graph = onnx.helper.make_graph([onnx.helper.make_node("Abs", ["x"], ["y"])], "warm", [value], [result])
    model = onnx.helper.make_model(graph)
    onnx.checker.check_model(model)
    info = onnx_importer.ModelInfo(onnx.shape_inference.infer_shapes(model, data_prop=True))
    module = info.create_module(context=context())
    onnx_importer.NodeImporter.define_function(info.main_graph, module.operation).import_all()
    module.operation.verify()
    module.operation.get_asm(assume_verified=True)
    _parsed(())


def _import_externalized(arguments: Any, module_file: pathlib.Path) -> Imported:
    """Weights go into a parameter archive beside the module: left to the tool, whose text is then parsed again."""
    arguments.output_file = str(module_file)
    tool.main(arguments)
    saved = arguments.save_params_to or module_file.with_name(f"{module_file.stem}_params.irpa")
    parameters = (str(arguments.params_scope), pathlib.Path(saved)) if pathlib.Path(saved).is_file() else None
    module = Module.parse(module_file.read_bytes(), context())
    return Imported(module_file, entry_point(module), parameters)

"""An .onnx file becomes a module by the functions of the installed ``iree-import-onnx``, in this process."""

from __future__ import annotations

import functools
import pathlib
import re
from collections.abc import Sequence
from typing import Any

import onnx
from iree.compiler.extras import onnx_importer
from iree.compiler.ir import Context, Module
from iree.compiler.tools.import_onnx import __main__ as tool

from runner.work import EntryPoint, Imported

#: Below this many bytes of model, the module is written as text, which a bug report can quote; above it as bytecode.
_TEXT_LIMIT = 1 << 20
_TENSOR = re.compile(r"^(?:!torch\.vtensor<(?:\[[^\]]*\]|\*),|tensor<(?:(?:\d+|\?)x)*)([\w<>]+)>$")


def import_file(model: pathlib.Path, folder: pathlib.Path, flags: Sequence[str]) -> Imported:
    """Do what ``iree-import-onnx MODEL -o MODULE FLAGS…`` does.

    The steps are the tool's ``main``: load, check, infer shapes, import, verify. They are taken here one by one because
    the tool prints text only and leaves the module, whose entry point is needed, behind. Raises what the tool raises.
    """
    as_text = model.stat().st_size < _TEXT_LIMIT
    module_file = folder / ("model.mlir" if as_text else "model.mlirbc")
    arguments = parse([str(model), "-o", str(module_file), *flags])
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


def parse(argv: list[str]) -> Any:
    """The tool's own arguments; raises ValueError where the tool would print its usage and exit."""
    try:
        return tool.parse_arguments(argv)
    except SystemExit as error:
        msg = f"iree-import-onnx refuses its flags: {' '.join(argv)}"
        raise ValueError(msg) from error


@functools.cache
def context() -> Context:
    """One context without a thread pool, so that it may be made before a fork."""
    made = Context()
    made.enable_multithreading(False)
    return made


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


def _import_externalized(arguments: Any, module_file: pathlib.Path) -> Imported:
    """Weights go into a parameter archive beside the module: left to the tool, whose text is then parsed again."""
    arguments.output_file = str(module_file)
    tool.main(arguments)
    saved = arguments.save_params_to or module_file.with_name(f"{module_file.stem}_params.irpa")
    parameters = (str(arguments.params_scope), pathlib.Path(saved)) if pathlib.Path(saved).is_file() else None
    module = Module.parse(module_file.read_bytes(), context())
    return Imported(module_file, entry_point(module), parameters)

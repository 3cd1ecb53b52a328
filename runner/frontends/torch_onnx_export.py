"""A PyTorch module of flat tensors becomes an .onnx file whose inputs and outputs are exactly those, in their order."""

from __future__ import annotations

import logging
import pathlib
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import onnx
import torch
from torch.export import ExportedProgram
from torch.onnx.errors import OnnxExporterError

from runner import signature
from runner.failures import StageFailure
from runner.frontends.torch_flat import FlatModule, outputs_of

#: Above this a protobuf message cannot be one file; the rest of the model is granted this much of the 2 GiB.
LARGEST_MESSAGE = 2**31 - 2**24
#: What the exporter adds to the name of an input that is an output too.
_RETURNED = "_orig"
#: Messages about the exporter itself, the same for every model.
_NOISY = "torch.onnx._internal.exporter._registration"
_DEPRECATED = r"`isinstance\(treespec, LeafSpec\)` is deprecated"
_ROW_MAJOR: dict[str, Any] = {"memory_format": torch.contiguous_format}
MODEL_FILE = "model.onnx"


def export(
    module: FlatModule,
    tensors: Sequence[torch.Tensor],
    inputs: Sequence[str],
    file: pathlib.Path,
    external_above: int = LARGEST_MESSAGE,
) -> None:
    """Write the module; where its weights have more than ``external_above`` bytes they go into a file beside it.

    Two steps, each with its own failures: torch.export raises its own exceptions, and of the ONNX exporter's the cause
    below its advice becomes a StageFailure. Warnings of both are printed. Raises ONNX's ValidationError for what its
    checker refuses.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        warnings.filterwarnings("ignore", _DEPRECATED, FutureWarning)
        logging.getLogger(_NOISY).setLevel(logging.ERROR)
        captured, outputs = _captured(module, tensors)
        _lay_out_attention(captured)
        try:
            program = torch.onnx.export(captured, dynamo=True, verbose=False)
        except OnnxExporterError as error:
            raise _cause(error) from error
        if program is None:
            msg = "the exporter returned no program"
            raise ValueError(msg)
        graph = program.model.graph
        keep_inputs(graph, captured.graph_signature.user_inputs, inputs)
        _rename(graph, inputs, outputs)
        external = weight_bytes(graph.initializers.values()) > min(external_above, LARGEST_MESSAGE)
        program.save(file, external_data=external)
    onnx.checker.check_model(str(file))


def _captured(module: FlatModule, tensors: Sequence[torch.Tensor]) -> tuple[ExportedProgram, tuple[str, ...]]:
    """The exported program, and the names of its outputs: of the nest that the model returned while it was traced."""
    seen: list[tuple[str, ...]] = []

    def note(_model: torch.nn.Module, _arguments: Any, returned: Any) -> None:
        seen.append(outputs_of(returned).names)

    hook = module.model.register_forward_hook(note)
    try:
        with torch.no_grad():
            captured = torch.export.export(module, tuple(tensors), strict=False)
    finally:
        hook.remove()
    return captured, seen[-1]


def _lay_out_attention(program: ExportedProgram) -> None:
    """Let every attention be followed by a copy in row-major order, which ONNX, without strides, has no operator for.

    The exporter decomposes it into operators whose result lies otherwise in memory than the operator's own; it has then
    already turned a `reshape` of that result into a `view` that is impossible (T5, Swin, BEiT).
    """
    for module in program.graph_module.modules():
        if not isinstance(module, torch.fx.GraphModule):
            continue
        attention = torch.ops.aten.scaled_dot_product_attention.default
        for node in module.graph.find_nodes(op="call_function", target=attention):
            with module.graph.inserting_after(node):
                copy = module.graph.call_function(torch.ops.aten.clone.default, (node,), _ROW_MAJOR)
            copy.meta["val"] = node.meta["val"].contiguous()
            node.replace_all_uses_with(copy, delete_user_cb=_others(copy))
        module.recompile()


def _others(copy: torch.fx.Node) -> Callable[[torch.fx.Node], bool]:
    """All users but the copy itself, and the outputs: the program's signature knows those by name."""
    return lambda user: user is not copy and user.op != "output"


def weight_bytes(values: Iterable[Any]) -> int:
    """Of initializers, whose tensors may be on disk."""
    return sum(each.const_value.nbytes for each in values if each.const_value is not None)


def keep_inputs(graph: Any, exported: Sequence[Any], wanted: Sequence[str]) -> None:
    """See that the graph takes what the module takes; raises ValueError for what the exporter dropped or added.

    An input that the module does not use stays an input: a caller passes the same tensors on every path.
    """
    there = [each.name for each in graph.inputs]
    kept = [each.removesuffix(_RETURNED) for each in there]
    if kept != [str(each) for each in exported] or len(there) != len(wanted):
        msg = (
            f"the ONNX exporter made a model of the inputs {', '.join(there) or 'none'}, where the exported program "
            f"has {', '.join(map(str, exported)) or 'none'} for {', '.join(wanted)}"
        )
        raise ValueError(msg)


def _rename(graph: Any, inputs: Sequence[str], outputs: Sequence[str]) -> None:
    """Call inputs and outputs what they are called on every path; whatever else bears such a name gets another."""
    made = list(graph.outputs)
    if len(made) != len(outputs):
        msg = f"the ONNX exporter made {len(made)} outputs of {len(outputs)}: {', '.join(outputs)}"
        raise ValueError(msg)
    if len({id(each) for each in made}) != len(made) or any(each in graph.inputs for each in made):
        msg = "the ONNX exporter gave one value to two outputs, or an input as an output: ONNX has no name for that"
        raise ValueError(msg)
    values = [
        *graph.inputs,
        *graph.initializers.values(),
        *(each for node in graph.all_nodes() for each in node.outputs),
    ]
    for number, value in enumerate(dict.fromkeys(values)):
        value.name = f"{value.name}#{number}" if value.name in (*inputs, *outputs) else value.name
    for value, name in zip(graph.inputs, inputs, strict=True):
        value.name = name
    for value, name in zip(made, outputs, strict=True):
        value.name = name if name not in inputs else f"{name}.output"


def _cause(error: OnnxExporterError) -> StageFailure:
    """What lies below the exporter's advice to its users: which operator it has no ONNX for, say."""
    deepest: BaseException = error
    while deepest.__cause__ is not None:
        deepest = deepest.__cause__
    return StageFailure(signature.of_exception(deepest), f"{type(deepest).__name__}: {deepest}")

"""An ONNX model and its inputs become its places in order: nodes with the values that ONNX Runtime gives them."""

from __future__ import annotations

import pathlib
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import onnx
from onnx import AttributeProto, TensorProto, inliner, numpy_helper, shape_inference

from runner.frontends import onnx_data
from runner.ops.keys import type_of
from runner.ops.onnx_node import Context, OnnxProgram, Operand, model_of, name_of, output_names
from runner.ops.onnx_values import AllAtOnce, CannotRunError, NodeByNode
from runner.ops.program import Place
from runner.signature import normalise
from runner.tensors import Array
from runner.work import Work, present
from schemas.ops import TensorType
from schemas.opwords import OpBackend, OpSkip

_RANDOM = frozenset({
    "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli",
})  # fmt: skip
#: What they return depends on their operand's shape alone.
_OF_SHAPE = frozenset({"Shape", "Size"})
_TRAINING = 2  # Dropout's operand that makes it random


@runtime_checkable
class HasOnnx(Protocol):
    """A frontend of the path `onnx`, before its importer."""

    def onnx_file(self, folder: pathlib.Path) -> pathlib.Path:
        """The model, made in ``folder`` or lying elsewhere."""


class _Why(NamedTuple):
    skip: OpSkip
    text: str


class OnnxWalker:
    """The nodes of the main graph; functions of the model's own are put in place of their calls first."""

    backend = OpBackend.ONNX

    def __init__(self, work: Work) -> None:
        frontend = present(work.frontend if isinstance(work.frontend, HasOnnx) else None, "ONNX model of this case")
        file = frontend.onnx_file(work.folder)
        model = onnx.load(file, load_external_data=False)
        self._model = inliner.inline_local_functions(model) if model.functions else model
        self._folder = file.parent
        graph = self._model.graph
        opsets = {("" if each.domain == "ai.onnx" else each.domain): each.version for each in model.opset_import}
        self._context = Context(opsets=opsets, import_flags=work.job.case.import_flags)
        names = (each.name for each in onnx_data.graph_inputs(graph))
        self._inputs = dict(zip(names, present(work.inputs, "inputs"), strict=True))
        self._weights = {each.name: each for each in graph.initializer}
        self._operands = {name: Operand(value, known=False) for name, value in self._inputs.items()}
        self._absent: dict[str, _Why] = {}  # tensors without a value
        self._reads = Counter(name for node in graph.node for name in node.input)
        self._notes = ["golden of operations: ONNX Runtime without optimisations"]

    def notes(self) -> tuple[str, ...]:
        """Where the goldens came from."""
        return tuple(self._notes)

    def places(self) -> Iterator[Place]:
        """Every node."""
        values = self._values()
        for node in self._model.graph.node:
            yield self._place(node, values)
            self._forget(node)

    def _values(self) -> AllAtOnce | NodeByNode:
        try:
            return AllAtOnce(self._model, self._folder, self._inputs)
        except CannotRunError as error:
            said = normalise(str(error).splitlines()[0])
            self._notes.append(f"ONNX Runtime does not run the model with all its values as outputs: {said}")
            self._notes.append("golden of operations: found node by node, by ONNX's reference where it has no kernel")
            return NodeByNode(self._context)

    def _place(self, node: Any, values: AllAtOnce | NodeByNode) -> Place:
        name, label = name_of(node), node.name or next(filter(None, node.output), "")
        given, lacking = self._given(node)
        outer = _outer_reads(node)
        found, error = self._found(node, given, values, blocked=bool(lacking or outer))
        known = node.op_type in _OF_SHAPE or all(each is None or each.known for each in given)
        known = known and not _is_random(node, given) and not _graphs(node)
        self._operands |= {output: Operand(value, known=known) for output, value in found.items()}
        missing = [output for output in node.output if output and output not in found]
        why = _reason(node, given, lacking, outer)
        if why is None and missing and not error:
            why = _Why(OpSkip.VALUE_KIND, f"{missing[0]} is a sequence, an optional value, a map or a string")
        self._absent |= {each: why or _Why(OpSkip.NO_VALUES, f"{name} could not be run: {error}") for each in missing}
        if why is not None:
            return Place(name, label, skip=why.skip, why=why.text)
        if not missing:
            outputs = tuple(self._operands[each].value for each in node.output if each)
            kinds = tuple(type_of(each) for each in outputs)
            return Place(name, label, program=OnnxProgram(self._context, node, given, outputs, kinds))
        declared = self._declared(node, given)
        if declared is None:
            return Place(name, label, skip=OpSkip.NO_VALUES, why=f"its results have no values and no types: {error}")
        return Place(name, label, program=OnnxProgram(self._context, node, given, None, declared))

    def _given(self, node: Any) -> tuple[list[Operand | None], _Why | None]:
        """The operands with values, and why the first that has none has none."""
        lacking = next((self._absent[each] for each in node.input if each in self._absent), None)
        given = [self._operand(each) if each and each not in self._absent else None for each in node.input]
        if lacking is None:
            unknown = (each for each, found in zip(node.input, given, strict=True) if each and found is None)
            lacking = next((self._absent.get(each, _Why(OpSkip.NO_VALUES, f"{each}: none")) for each in unknown), None)
        return given, lacking

    def _operand(self, name: str) -> Operand | None:
        weight = self._weights.get(name)
        if name not in self._operands and weight is not None:
            if weight.data_type == TensorProto.STRING:
                self._absent[name] = _Why(OpSkip.VALUE_KIND, f"{name} is a string tensor")
                return None
            self._operands[name] = Operand(numpy_helper.to_array(weight, str(self._folder)), known=True)
        return self._operands.get(name)

    @staticmethod
    def _found(
        node: Any, given: Sequence[Operand | None], values: AllAtOnce | NodeByNode, *, blocked: bool
    ) -> tuple[dict[str, Array], str]:
        """The outputs that have values, and what was said of those that have none."""
        if blocked and isinstance(values, NodeByNode):
            return {}, ""
        try:
            return values.of(node, given), ""
        except CannotRunError as error:
            return {}, normalise(str(error).splitlines()[0])

    def _declared(self, node: Any, given: Sequence[Operand | None]) -> tuple[TensorType, ...] | None:
        """What ONNX's own inference says of the results; None where that is not all."""
        names = output_names(node)
        model = model_of(self._context, node, given, [onnx.ValueInfoProto(name=each) for each in names])
        try:
            inferred = shape_inference.infer_shapes(model, data_prop=True)
        except shape_inference.InferenceError:
            return None
        kinds = [_static(each) for each in inferred.graph.output]
        whole = tuple(each for each in kinds if each is not None)
        return whole if len(whole) == len(names) else None

    def _forget(self, node: Any) -> None:
        """Let go of values that no later node reads."""
        for name in node.input:
            self._reads[name] -= 1
        for name in (*node.input, *node.output):
            if self._reads[name] <= 0:
                self._operands.pop(name, None)


def _reason(node: Any, given: Sequence[Operand | None], lacking: _Why | None, outer: Sequence[str]) -> _Why | None:
    """Why a node is no operation of its own, whatever its results."""
    if node.op_type == "Constant":
        return _Why(OpSkip.CONSTANT, "a literal")
    if outer:
        return _Why(OpSkip.CONTROL_FLOW, f"its sub-graphs read values around it: {', '.join(outer)}")
    if lacking is not None:
        return lacking
    if _is_random(node, given):
        return _Why(OpSkip.RANDOM, "draws random numbers")
    return None


def _is_random(node: Any, given: Sequence[Operand | None]) -> bool:
    if node.op_type == "Dropout" and len(given) > _TRAINING:
        training = given[_TRAINING]
        return training is not None and bool(training.value.any())
    return node.op_type in _RANDOM


def _graphs(node: Any) -> list[Any]:
    single = [each.g for each in node.attribute if each.type == AttributeProto.GRAPH]
    return single + [graph for each in node.attribute if each.type == AttributeProto.GRAPHS for graph in each.graphs]


def _outer_reads(node: Any) -> tuple[str, ...]:
    """What the sub-graphs of a node read that is none of their own."""
    return tuple(dict.fromkeys(name for graph in _graphs(node) for name in _free(graph)))


def _free(graph: Any) -> list[str]:
    own = {each.name for each in (*graph.input, *graph.initializer)}
    free: list[str] = []
    for node in graph.node:
        read = [name for name in node.input if name] + [name for inner in _graphs(node) for name in _free(inner)]
        free += [name for name in read if name not in own]
        own |= set(node.output)
    return free + [each.name for each in graph.output if each.name not in own]


def _static(value: Any) -> TensorType | None:
    """The type of an inferred value, where all of it is known."""
    tensor = value.type.tensor_type
    if value.type.WhichOneof("value") != "tensor_type" or not tensor.HasField("shape"):
        return None
    if not all(each.HasField("dim_value") for each in tensor.shape.dim) or tensor.elem_type == TensorProto.STRING:
        return None
    dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)
    return TensorType(dtype.name, tuple(each.dim_value for each in tensor.shape.dim))

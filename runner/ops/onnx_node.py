"""One node of an ONNX graph, with its operands' values, becomes a model of its own: the program of one operation."""

from __future__ import annotations

import hashlib
import pathlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import AttributeProto, helper, numpy_helper

from runner.frontends import onnx_importer
from runner.ops.keys import SMALL, constant, type_of
from runner.tensors import ELEMENT_TYPES, Array, pack
from runner.work import Golden, Imported
from schemas.ops import OpKey, TensorType
from schemas.opwords import OpBackend

_DEFAULT_DOMAINS = ("", "ai.onnx")
_MODEL = "model.onnx"
_IR_VERSION = 10
_LARGEST_NUMBERED_ATTRIBUTE = 64
#: Operands that say what the result looks like, by position: constants also where their values are floats.
_FORM: Mapping[str, frozenset[int]] = {
    "Resize": frozenset({1, 2, 3}),
    "Upsample": frozenset({1}),
}
#: Importing flags that speak of a model's weights, which are arguments here.
_OF_WEIGHTS = ("--externalize-params", "--save-params-to", "--params-scope", "--num-elements-threshold")


@dataclass(frozen=True)
class Context:
    """What all nodes of a model share."""

    opsets: Mapping[str, int]
    import_flags: tuple[str, ...]


@dataclass(frozen=True)
class Operand:
    """One operand of a node; ``known`` where its value follows from the model and its inputs' shapes alone."""

    value: Array
    known: bool

    def is_part(self, op: str, position: int) -> bool:
        """Whether its value is a part of the operation, and no argument of it."""
        if not self.known:
            return False
        kind = self.value.dtype.kind
        whole = kind in "biu" and self.value.size <= SMALL
        return whole or self.value.size == 1 or position in _FORM.get(op, ())


@dataclass
class OnnxProgram:
    """A node with its operands' values, and with results: the framework's own, or only their types."""

    context: Context
    node: Any
    given: Sequence[Operand | None]
    outputs: tuple[Array, ...] | None  # of the outputs that have a name
    results: tuple[TensorType, ...]  # likewise
    _key: OpKey | None = field(default=None, init=False)

    @property
    def key(self) -> OpKey:
        """Type, version, operands' types, attributes, and the values that are a part of the operation."""
        if self._key is None:
            self._key = self._made_key()
        return self._key

    def _made_key(self) -> OpKey:
        node = self.node
        attributes = [(each.name, attribute_text(each)) for each in node.attribute]
        wanted = [bool(name) for name in node.output]
        if not all(wanted):
            attributes.append(("outputs", ",".join(str(int(each)) for each in wanted)))
        elif len(wanted) > 1:
            attributes.append(("outputs", str(len(wanted))))
        parts = (
            constant(position, each.value)
            for position, each in enumerate(self.given)
            if each is not None and each.is_part(node.op_type, position)
        )
        return OpKey(
            backend=OpBackend.ONNX,
            name=name_of(node),
            operands=tuple(None if each is None else type_of(each.value) for each in self.given),
            attributes=tuple(sorted(attributes)),
            constants=tuple(parts),
            version=str(self._version()),
        )

    def _version(self) -> int:
        """When the operator last changed: two opsets between which it did not give the same operation."""
        opset = self.context.opsets.get(_domain(self.node), 1)
        try:
            schema = onnx.defs.get_schema(self.node.op_type, opset, _domain(self.node))
        except onnx.defs.SchemaError:
            return opset
        return int(schema.since_version)

    def operands(self) -> tuple[Array, ...]:
        """The values that are no part of the operation."""
        return tuple(arguments_of(self.node, self.given).values())

    def golden(self) -> tuple[Golden, ...] | None:
        """ONNX Runtime's own results."""
        if self.outputs is None:
            return None
        return tuple(Golden(name, value) for name, value in zip(output_names(self.node), self.outputs, strict=True))

    def write_module(self, folder: pathlib.Path) -> Imported:
        """Write the node as ``model.onnx``, and import that."""
        file = folder / _MODEL
        results = (info(*each) for each in zip(output_names(self.node), self.results, strict=True))
        onnx.save(model_of(self.context, self.node, self.given, tuple(results)), file)
        flags = [each for each in self.context.import_flags if not each.startswith(_OF_WEIGHTS)]
        return onnx_importer.import_file(file, folder, flags)


def model_of(context: Context, node: Any, given: Sequence[Operand | None], results: Sequence[Any]) -> Any:
    """The node alone in a model, under names that are the same wherever it stands; its results as they are declared."""
    alone = onnx.NodeProto()
    alone.CopyFrom(node)
    for stale in ("name", "doc_string", "metadata_props", "input", "output"):
        alone.ClearField(stale)
    alone.input.extend("" if each is None else f"x{position}" for position, each in enumerate(given))
    alone.output.extend(f"y{position}" if name else "" for position, name in enumerate(node.output))
    inputs, parts = [], []
    for position, each in enumerate(given):
        if each is not None and each.is_part(node.op_type, position):
            parts.append(numpy_helper.from_array(np.array(each.value, order="C"), f"x{position}"))
        elif each is not None:
            inputs.append(info(f"x{position}", type_of(each.value)))
    graph = helper.make_graph([alone], "main", inputs, list(results), parts)
    opsets = [helper.make_opsetid(domain, version) for domain, version in context.opsets.items()]
    return helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION)


def output_names(node: Any) -> tuple[str, ...]:
    """What the outputs that have a name are called in such a model."""
    return tuple(f"y{position}" for position, name in enumerate(node.output) if name)


def arguments_of(node: Any, given: Sequence[Operand | None]) -> dict[str, Array]:
    """The values of such a model's inputs."""
    return {
        f"x{position}": each.value
        for position, each in enumerate(given)
        if each is not None and not each.is_part(node.op_type, position)
    }


def name_of(node: Any) -> str:
    """``onnx.Gemm``; with the domain where it is not ONNX's own: ``com.microsoft.FusedGemm``."""
    domain = _domain(node)
    return f"{domain or 'onnx'}.{node.op_type}"


def _domain(node: Any) -> str:
    return "" if node.domain in _DEFAULT_DOMAINS else str(node.domain)


def attribute_text(attribute: Any) -> str:
    """An attribute's value as one line; of a tensor or a graph, its digest."""
    if attribute.type == AttributeProto.TENSOR:
        array = numpy_helper.to_array(attribute.t)
        if array.dtype.kind in "biuf" and array.size <= _LARGEST_NUMBERED_ATTRIBUTE:
            return f"{type_of(array)} {array.tolist()}"
        data = attribute.t.SerializeToString() if array.dtype.kind in "OUS" else pack(array)
        return f"{type_of(array)} sha256:{hashlib.sha256(data).hexdigest()}"
    value = helper.get_attribute_value(attribute)
    if attribute.type in (AttributeProto.GRAPH, AttributeProto.GRAPHS):
        graphs = [value] if attribute.type == AttributeProto.GRAPH else list(value)
        data = b"".join(each.SerializeToString(deterministic=True) for each in graphs)
        return f"graph sha256:{hashlib.sha256(data).hexdigest()}"
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, (list, tuple)):
        return str([each.decode(errors="replace") if isinstance(each, bytes) else each for each in value])
    return str(value)


def info(name: str, kind: TensorType) -> Any:
    """A declared value."""
    dtype = ELEMENT_TYPES[kind.dtype].dtype
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(dtype), kind.shape)

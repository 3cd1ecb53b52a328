"""An ONNX model turned into the facts a catalogue entry states: element types, operators, and why it has no golden.

Imported only by the builder: works on `onnx.ModelProto` values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import onnx
from onnx import TensorProto, numpy_helper

from schemas.case import Skip
from schemas.words import SkipReason

_RANDOM_OPS = frozenset(
    {"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"}
)
_DTYPE_NAMES = {"float": "float32", "double": "float64"}
_DROPOUT_DEFAULT_RATIO = 0.5
_DROPOUT_TESTS_BY_ATTRIBUTE = 7  # before opset 7 an attribute chose training; from 7 to 11 there was no training
_DROPOUT_TRAINS_BY_INPUT = 12
_VALUE_REASONS = {
    "sequence_type": SkipReason.SEQUENCE,
    "optional_type": SkipReason.OPTIONAL,
    "map_type": SkipReason.MAP,
}


def nodes_of(model: Any) -> Iterator[Any]:
    """Every node of the graph, of its sub-graphs and of the model's own functions."""
    yield from _nodes(model.graph.node)
    for function in model.functions:
        yield from _nodes(function.node)


def _nodes(nodes: Any) -> Iterator[Any]:
    for node in nodes:
        yield node
        for attribute in node.attribute:
            for graph in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
                yield from _nodes(graph.node)


def domain_of(node: Any) -> str:
    """The operator set a node belongs to; the default one is spelled out."""
    return str(node.domain) or "ai.onnx"


def dtypes_of(model: Any) -> list[str]:
    """Element types of the graph's inputs, outputs and initializers, sorted, as `float32`, `int64`, `string`."""
    graph = model.graph
    codes = {i.data_type for i in graph.initializer}
    for value in (*graph.input, *graph.output):
        codes.update(_element_types(value.type))
    return sorted(_dtype_name(code) for code in codes if code)


def _dtype_name(code: int) -> str:
    name = str(TensorProto.DataType.Name(code)).lower()
    return _DTYPE_NAMES.get(name, name)


def _element_types(kind: Any) -> Iterator[int]:
    which = kind.WhichOneof("value")
    if which in ("tensor_type", "sparse_tensor_type"):
        yield getattr(kind, which).elem_type
    elif which in ("sequence_type", "optional_type"):
        yield from _element_types(getattr(kind, which).elem_type)
    elif which == "map_type":
        yield kind.map_type.key_type
        yield from _element_types(kind.map_type.value_type)


def skip_of(model: Any, inputs: Mapping[str, Any]) -> Skip | None:
    """Why no golden can be compared, or None.

    `inputs` holds the case's stored input values by graph input name (numpy arrays): whether a Dropout really
    draws random values may depend on them. Values that stay inside the graph do not matter, only what crosses
    its border.
    """
    for side, values in (("input", model.graph.input), ("output", model.graph.output)):
        for value in values:
            reason = _border_reason(value.type)
            if reason is not None:
                article = "an" if reason is SkipReason.OPTIONAL else "a"
                return Skip(reason, f"graph {side} {value.name!r} is {article} {reason}")
    constants = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer} | dict(inputs)
    for node in nodes_of(model):
        _remember_constant(node, constants)
        if _draws(node, model, constants):
            return Skip(SkipReason.RANDOM, f"operator {node.op_type} draws random values")
    return None


def _border_reason(kind: Any) -> SkipReason | None:
    which = kind.WhichOneof("value")
    if which == "tensor_type" and kind.tensor_type.elem_type == TensorProto.STRING:
        return SkipReason.STRING
    return _VALUE_REASONS.get(which)


def _remember_constant(node: Any, constants: dict[str, Any]) -> None:
    if node.op_type != "Constant" or not node.output:
        return
    for attribute in node.attribute:
        value = onnx.helper.get_attribute_value(attribute)
        constants[node.output[0]] = numpy_helper.to_array(value) if attribute.name == "value" else value


def _draws(node: Any, model: Any, constants: Mapping[str, Any]) -> bool:
    if domain_of(node) != "ai.onnx":
        return False
    return node.op_type in _RANDOM_OPS or (node.op_type == "Dropout" and _dropout_draws(node, model, constants))


def _dropout_draws(node: Any, model: Any, constants: Mapping[str, Any]) -> bool:
    """Whether this Dropout really drops: in training, with a ratio that is not zero. Unknown values count as random."""
    opset = next((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), 1)
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    if opset < _DROPOUT_TESTS_BY_ATTRIBUTE:
        training = not attributes.get("is_test", 0)
        return training and attributes.get("ratio", _DROPOUT_DEFAULT_RATIO) != 0
    if opset < _DROPOUT_TRAINS_BY_INPUT:
        return False
    ratio_name, training_name = (*node.input, "", "")[1:3]
    if not training_name or not bool(constants.get(training_name, True)):
        return False
    return not ratio_name or float(constants.get(ratio_name, _DROPOUT_DEFAULT_RATIO)) != 0

"""A StableHLO module becomes one that the reference interpreter knows: the same in fewer kinds of operations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo
from jaxlib.mlir.passmanager import PassManager

from runner.frontends.stablehlo_resources import array_of, name_in, resources_of
from runner.frontends.stablehlo_types import shape_of

_PASSES = (
    "builtin.module(func.func(stablehlo-legalize-composite-to-call,chlo-legalize-to-stablehlo,"
    "stablehlo-legalize-deprecated-ops{fail-on-unused=false}))"
)
_NAME = 256  # characters of an attribute that hold a resource's name
_CONSTANTS = ("stablehlo.constant", "arith.constant")


def make_plain(module: Any) -> None:
    """Change it in place; what cannot be made plain stays, and the interpreter says what it lacks."""
    resources = resources_of(module)
    for operation in list(_walk(module.operation)):
        if operation.name in _CONSTANTS:
            _constant(operation, resources)
        elif operation.name in _DECOMPOSED:
            with ir.InsertionPoint(operation):
                results = _DECOMPOSED[operation.name](operation)
            _replace(operation, results)
    PassManager.parse(_PASSES).run(module.operation)


def _walk(operation: Any) -> Iterator[Any]:
    yield operation
    for region in operation.regions:
        for block in region.blocks:
            for each in block.operations:
                yield from _walk(each.operation)


def _replace(operation: Any, results: tuple[Any, ...]) -> None:
    for old, new in zip(operation.results, results, strict=True):
        old.replace_all_uses_with(new)
    operation.erase()


def _constant(operation: Any, resources: Mapping[str, bytes]) -> None:
    """Constants of other dialects, and those whose data stands at the module's end."""
    shape = shape_of(str(operation.results[0].type))
    if shape is None or "complex" in shape.element:  # asking for such a value ends the process
        return
    value = operation.attributes["value"]
    name = name_in(str(value)[:_NAME])
    if name is None and operation.name == "stablehlo.constant":
        return
    if name is not None:
        array = array_of(name, shape, resources)
        plain = array if array.dtype.isbuiltin else array.view(f"u{array.dtype.itemsize}")
        value = ir.DenseElementsAttr.get(plain, type=ir.Type.parse(shape.element), shape=list(array.shape))
    with ir.InsertionPoint(operation):
        made = stablehlo.ConstantOp(value)
    _replace(operation, (made.result,))


def _batch_norm_inference(operation: Any) -> tuple[Any, ...]:
    """As StableHLO's specification defines it."""
    operand, scale, offset, mean, variance = operation.operands
    feature = ir.IntegerAttr(operation.attributes["feature_index"]).value
    epsilon = ir.FloatAttr(operation.attributes["epsilon"]).value

    def over(value: Any) -> Any:
        return stablehlo.broadcast_in_dim(operand.type, value, ir.DenseI64ArrayAttr.get([feature]))

    element = ir.RankedTensorType(operand.type).element_type
    smallest = ir.DenseElementsAttr.get_splat(operand.type, ir.FloatAttr.get(element, epsilon))
    deviation = stablehlo.sqrt(stablehlo.add(over(variance), stablehlo.ConstantOp(smallest).result))
    normal = stablehlo.divide(stablehlo.subtract(operand, over(mean)), deviation)
    return (stablehlo.add(stablehlo.multiply(over(scale), normal), over(offset)),)


#: What the interpreter lacks and the specification defines by other operations.
_DECOMPOSED: Mapping[str, Callable[[Any], tuple[Any, ...]]] = MappingProxyType(
    {"stablehlo.batch_norm_inference": _batch_norm_inference}
)

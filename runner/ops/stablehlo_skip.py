"""An operation of a StableHLO module becomes the reason why it has no program of its own, or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from runner.frontends.stablehlo_types import shape_of
from schemas.opwords import OpSkip

RANDOM = frozenset({"stablehlo.rng", "stablehlo.rng_bit_generator"})
#: They stand for other values as they are.
PASSED_ON = frozenset({"tensor.cast", "builtin.unrealized_conversion_cast"})
TUPLE, ELEMENT = "stablehlo.tuple", "stablehlo.get_tuple_element"

#: Operands that the compiler must know (sizes), and those that it wants to know where the model says them (the value
#: that a reduction begins with, padding). Others are arguments, whatever they are in the model.
SIZES: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {
        "stablehlo.dynamic_iota": (0,),
        "stablehlo.dynamic_reshape": (1,),
        "stablehlo.dynamic_broadcast_in_dim": (1,),
        "stablehlo.dynamic_pad": (2, 3, 4),
        "stablehlo.dynamic_gather": (2,),
        "stablehlo.dynamic_conv": (2,),
        "stablehlo.real_dynamic_slice": (1, 2, 3),
    }
)
_INITIAL: Mapping[str, int] = MappingProxyType({"stablehlo.pad": 1, "stablehlo.select_and_scatter": 2})
_REDUCTIONS = ("stablehlo.reduce", "stablehlo.reduce_window")

Why = tuple[OpSkip, str]
_BY_NAME: Mapping[str, Why] = MappingProxyType(
    dict.fromkeys(RANDOM, (OpSkip.RANDOM, ""))
    | dict.fromkeys((TUPLE, ELEMENT), (OpSkip.STRUCTURE, "puts values together, or takes one out"))
    | dict.fromkeys(PASSED_ON, (OpSkip.STRUCTURE, "the same value under another type"))
)


def initial_places(operation: Any) -> tuple[int, ...]:
    """The places of the operands that a literal of the model stays a literal at."""
    if operation.name in _REDUCTIONS:
        half = len(operation.operands) // 2
        return tuple(range(half, 2 * half))
    place = _INITIAL.get(operation.name)
    return () if place is None else (place,)


def skip_of(operation: Any, reads: Sequence[Any]) -> Why | None:
    """By what it is and by the types that it reads and makes."""
    if operation.name.endswith(".constant"):
        return OpSkip.CONSTANT, ""
    if operation.name in _BY_NAME:
        return _BY_NAME[operation.name]
    results = [str(each.type) for each in operation.results]
    if not results or not any(each.startswith("tensor<") or _is_other_value(each) for each in results):
        return OpSkip.NO_TENSOR_RESULT, ", ".join(results)
    for kind in (*results, *(str(each.type) for each in reads)):
        if _is_other_value(kind) or _is_no_array(kind):
            within = any(str(each.type) == kind for each in reads[len(operation.operands) :])
            return (OpSkip.CONTROL_FLOW if within else OpSkip.VALUE_KIND), kind
    return None


def _is_other_value(kind: str) -> bool:
    return kind.startswith(("tuple<", "!stablehlo.", "!quant."))


def _is_no_array(kind: str) -> bool:
    """A tensor of unknown rank or of quantised elements, or no tensor at all (an index)."""
    shape = shape_of(kind)
    return shape is None or not shape.has_values

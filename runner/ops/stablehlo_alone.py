"""An operation of a StableHLO module becomes a module of its own, whose function takes what the operation reads."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from iree.compiler import ir

from runner.frontends.stablehlo_types import Shape, shape_of
from runner.tensors import MLIR_TYPES, Array
from runner.work import EntryPoint
from schemas.ops import TensorType

ENTRY = "main"
_CALL = "func.call"
_LONGEST = 400  # characters of a region's text that a key shows


@dataclass(frozen=True)
class Known:
    """A tensor of the model: its type as the module has it, and its value where there is one."""

    type: str
    array: Array | None = None
    constant: bool = False  # a literal, or handed down from one

    @property
    def shape(self) -> Shape:
        """The type taken apart; raises TypeError for what is no tensor that numpy knows."""
        shape = shape_of(self.type)
        if shape is None or not shape.has_values:
            raise TypeError(self.type)
        return shape

    @property
    def kind(self) -> TensorType:
        """With the sizes of the value where the type leaves them open."""
        sizes = self.array.shape if self.array is not None else tuple(size or 0 for size in self.shape.sizes)
        return TensorType(MLIR_TYPES[self.shape.element].name, sizes)


@dataclass(frozen=True)
class Alone:
    """The module of one operation. ``given`` are the places of ``reads`` that are its function's arguments."""

    text: str
    entry: EntryPoint
    given: tuple[int, ...]
    region: str  # of the operation, with names by position; empty where it has none


def captured(operation: Any) -> tuple[Any, ...]:
    """The values around an operation that its regions read, in the order of reading."""
    own: set[Any] = set()
    found: dict[Any, None] = {}
    for nested in _inside(operation):
        for region in nested.regions:
            for block in region.blocks:
                own.update(block.arguments)
    for region in operation.regions:
        for block in region.blocks:
            own.update(block.arguments)
    for nested in _inside(operation):
        own.update(nested.results)
    for nested in _inside(operation):
        found |= {value: None for value in nested.operands if value not in own}
    return tuple(found)


def _inside(operation: Any) -> Iterator[Any]:
    for region in operation.regions:
        for block in region.blocks:
            for each in block.operations:
                yield each.operation
                yield from _inside(each.operation)


def alone(
    operation: Any, reads: Sequence[Known], fixed: Sequence[int], values: Sequence[Any], functions: Mapping[str, Any]
) -> Alone:
    """Clone ``operation``, which reads ``values`` (operands, then those that its regions capture), into a function.

    ``reads`` says what these are; those at the places ``fixed`` become literals. What it calls comes along.
    """
    given = tuple(place for place in range(len(reads)) if place not in fixed)
    with operation.context, ir.Location.unknown():
        module = ir.Module.create()
        inputs = [ir.Type.parse(reads[place].type) for place in given]
        results = [each.type for each in operation.results]
        block = _function(module, inputs, results)
        with ir.InsertionPoint(block):
            arguments = iter(block.arguments)
            own = [_literal(each) if place in fixed else next(arguments) for place, each in enumerate(reads)]
            clone = operation.clone()
            _rebind(clone, values, own)
            _strip(clone)
            ir.Operation.create("func.return", operands=list(clone.results))
        for name in _called(clone, functions):
            module.body.append(functions[name].clone())
        module.operation.verify()
        region = _region(clone) if len(clone.regions) else ""
        text: str = module.operation.get_asm()
    elements = tuple(Known(str(each)).shape.element for each in results)
    return Alone(text, EntryPoint(ENTRY, elements), given, region)


def _function(module: Any, inputs: Sequence[Any], results: Sequence[Any]) -> Any:
    kind = ir.TypeAttr.get(ir.FunctionType.get(inputs, results))
    attributes = {"sym_name": ir.StringAttr.get(ENTRY), "function_type": kind}
    function = ir.Operation.create("func.func", attributes=attributes, regions=1)
    module.body.append(function)
    return function.regions[0].blocks.append(*inputs, arg_locs=[ir.Location.unknown()] * len(inputs))


def _literal(known: Known) -> Any:
    array = known.array
    if array is None:
        raise TypeError(known.type)
    element = ir.Type.parse(known.shape.element)
    plain = array if array.dtype.isbuiltin else array.view(f"u{array.dtype.itemsize}")
    value = ir.DenseElementsAttr.get(plain, type=element, shape=list(array.shape))
    return ir.Operation.create("stablehlo.constant", results=[value.type], attributes={"value": value}).results[0]


def _rebind(clone: Any, values: Sequence[Any], own: Sequence[Any]) -> None:
    """Let the clone read its function's values. The first are its operands, in order, whatever they were before."""
    count = len(clone.operands)
    for place in range(count):
        clone.operands[place] = own[place]
    outside = dict(zip(values[count:], own[count:], strict=True))
    for nested in _inside(clone):
        for place, value in enumerate(nested.operands):
            if value in outside:
                nested.operands[place] = outside[value]


def _strip(clone: Any) -> None:
    """Take away attributes that other dialects have left (sharding, names of results): they are not the operation's."""
    for each in (clone, *_inside(clone)):
        for name in [name for name in each.attributes if "." in name]:
            del each.attributes[name]


def _called(operation: Any, functions: Mapping[str, Any]) -> tuple[str, ...]:
    """The functions that its regions call, and those that these call."""
    found: dict[str, None] = {}
    waiting = [operation]
    while waiting:
        for nested in _inside(waiting.pop()):
            name = callee_of(nested)
            if name and name in functions and name not in found:
                found[name] = None
                waiting.append(functions[name])
    return tuple(found)


def callee_of(operation: Any) -> str:
    """The function that a call or a composite operation stands for; empty for another one."""
    key = {_CALL: "callee", "stablehlo.composite": "decomposition"}.get(operation.name)
    return str(operation.attributes[key]).lstrip("@").strip('"') if key else ""


def _region(clone: Any) -> str:
    text: str = clone.get_asm(print_generic_op_form=True, use_local_scope=True)
    body = " ".join(text[text.index("({") : text.rindex("})") + 2].split())
    return body if len(body) <= _LONGEST else f"sha256:{hashlib.sha256(body.encode()).hexdigest()}"

"""The arguments of one operator's call become what its key says of them, and a call on numbered tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch._ops import OpOverload

from runner.frontends.torch_values import dtype_name
from schemas.ops import TensorType


class Slot(NamedTuple):
    """Stands for the tensor with this number among the operands of a call."""

    number: int


class Layout(NamedTuple):
    """A call: its tensors in the schema's order, what describes them, and its arguments with slots in their place."""

    tensors: tuple[torch.Tensor, ...]
    operands: tuple[TensorType | None, ...]
    attributes: tuple[tuple[str, str], ...]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


def layout_of(target: OpOverload, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Layout:
    """Arguments that have the schema's default values are not told: the call is the same without them.

    Raises TypeError for a tensor that no compiled module can take.
    """
    tensors: list[torch.Tensor] = []
    operands: list[TensorType | None] = []
    attributes: list[tuple[str, str]] = []
    laid: list[Any] = []
    named: dict[str, Any] = {}

    def take(tensor: torch.Tensor) -> Slot:
        tensors.append(tensor)
        operands.append(type_of(tensor))
        return Slot(len(tensors) - 1)

    for place, argument in enumerate(target._schema.arguments):  # noqa: SLF001 - PyTorch's only way to a schema
        given = place < len(args) or argument.name in kwargs
        value = args[place] if place < len(args) else kwargs.get(argument.name, argument.default_value)
        slotted = _slotted(value, take)
        if place < len(args):
            laid.append(slotted)
        elif given:
            named[argument.name] = slotted
        if _is_operand(argument.type):
            if value is None:
                operands.append(None)
            elif not isinstance(slotted, Slot):  # a number where the schema has a tensor
                attributes.append((argument.name, printed(slotted)))
        elif given and printed(slotted) != printed(argument.default_value):
            attributes.append((argument.name, printed(slotted)))
    return Layout(tuple(tensors), tuple(operands), tuple(attributes), tuple(laid), named)


def type_of(tensor: torch.Tensor) -> TensorType:
    """A tensor's element type and sizes; raises TypeError for one that no compiled module can take or return."""
    if tensor.layout is not torch.strided or tensor.is_quantized:
        msg = f"a {tensor.layout} tensor of {tensor.dtype} is no dense array: compiled modules take and return those"
        raise TypeError(msg)
    return TensorType(dtype_name(tensor.dtype), tuple(int(size) for size in tensor.shape))


def printed(value: Any) -> str:
    """A value that is no tensor, exactly and the same in every run; slots as ``%0``."""
    if isinstance(value, Slot):
        return f"%{value.number}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(printed, value))}]"
    if isinstance(value, (torch.dtype, torch.layout, torch.memory_format, torch.device)):
        return str(value)
    if isinstance(value, torch.SymInt):
        return str(int(value))
    return repr(value)


def _slotted(value: Any, take: Callable[[torch.Tensor], Slot]) -> Any:
    if isinstance(value, torch.Tensor):
        return take(value)
    if isinstance(value, (list, tuple)):
        return [_slotted(each, take) for each in value]
    return value


def _is_operand(kind: Any) -> bool:
    """Whether the schema has one tensor here, which may be left out."""
    if isinstance(kind, torch.OptionalType):
        kind = kind.getElementType()
    return isinstance(kind, torch.TensorType)

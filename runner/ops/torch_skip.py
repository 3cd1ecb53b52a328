"""A node of a PyTorch program becomes the reason why it has no program of its own, where there is one."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import fx
from torch._ops import HigherOrderOperator, OpOverload
from torch.utils import _pytree as pytree

from runner.ops.torch_interpret import Computed
from runner.ops.torch_layout import type_of
from schemas.opwords import OpSkip

#: Operators whose result holds whatever the memory held before.
_UNINITIALISED = frozenset({"empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided", "empty_permuted"})
#: Operators that take only sizes and type from their first operand, or overwrite all of it.
_FORGETFUL = frozenset(
    {"full_like", "zeros_like", "ones_like", "empty_like", "new_full", "new_zeros", "new_ones", "fill", "zero", "copy"}
)
_LITERALS = frozenset({"lift", "lift_fresh", "lift_fresh_copy"})
#: With one of these values an operator that may draw random numbers draws none.
_SWITCHED_OFF: Mapping[str, tuple[object, ...]] = MappingProxyType(
    {"dropout_p": (0.0,), "p": (0.0,), "train": (False,), "training": (False,)}
)


def skip_of(computed: Computed) -> tuple[OpSkip, str] | None:
    """The reason with words for a reader; None for an operation that can be run alone."""
    target = computed.node.target
    if not isinstance(target, OpOverload):
        return _in_python(target)
    if not has_tensors(told_of(computed)):
        return OpSkip.NO_TENSOR_RESULT, _without(target)
    return _undefined(computed, target) or _odd(computed)


def _in_python(target: object) -> tuple[OpSkip, str]:
    if target is operator.getitem:
        return OpSkip.STRUCTURE, "takes one result of an operation that has several"
    if isinstance(target, HigherOrderOperator):
        return OpSkip.CONTROL_FLOW, "holds graphs of its own; they are no places"
    return OpSkip.NO_TENSOR_RESULT, "computes a size or another number in Python"


def _undefined(computed: Computed, target: OpOverload) -> tuple[OpSkip, str] | None:
    name = _name(target)
    if name in _LITERALS:
        return OpSkip.CONSTANT, "makes a literal a tensor"
    if name in _UNINITIALISED:
        return OpSkip.RANDOM, "its result holds whatever the memory held before: no golden exists"
    if is_random(computed):
        return OpSkip.RANDOM, "draws random numbers: no golden exists"
    return None


def is_random(computed: Computed) -> bool:
    """Whether the call draws random numbers: by PyTorch's own tag, unless an argument switches that off."""
    target = computed.node.target
    if not isinstance(target, OpOverload) or torch.Tag.nondeterministic_seeded not in target.tags:
        return False
    arguments = target._schema.arguments  # noqa: SLF001 - PyTorch's only way to a schema
    given = {each.name: each.default_value for each in arguments}
    given |= dict(zip((each.name for each in arguments), computed.args, strict=False)) | computed.kwargs
    return not any(name in given and given[name] in off for name, off in _SWITCHED_OFF.items())


def undefined(computed: Computed) -> bool:
    """Whether two runs of the call may give different results."""
    target = computed.node.target
    return is_random(computed) or (isinstance(target, OpOverload) and _name(target) in _UNINITIALISED)


def read_by(node: fx.Node) -> tuple[fx.Node, ...]:
    """The nodes whose values go into the node's, and not only their sizes."""
    if isinstance(node.target, OpOverload) and _name(node.target) in _FORGETFUL:
        read: list[fx.Node] = []
        fx.map_arg((node.args[1:], {**node.kwargs}), read.append)
        return tuple(read)
    return tuple(node.all_input_nodes)


def told_of(computed: Computed) -> Any:
    """The results: real ones, or what the program says of them where PyTorch could not run it."""
    if computed.fed and computed.error is None:
        return computed.value
    return computed.node.meta.get("val")


def has_tensors(value: Any) -> bool:
    """Whether there is a tensor among the results."""
    return any(isinstance(each, torch.Tensor) for each in pytree.tree_leaves(value))


def _odd(computed: Computed) -> tuple[OpSkip, str] | None:
    """Operands without values, and tensors that no compiled module has."""
    if not computed.fed:
        return OpSkip.NO_VALUES, "PyTorch could not run an earlier operation that it reads"
    for each in pytree.tree_leaves((computed.args, computed.kwargs, told_of(computed))):
        if isinstance(each, torch.Tensor):
            try:
                type_of(each)
            except (TypeError, RuntimeError) as error:  # the latter of sizes that only a run would have told
                return OpSkip.VALUE_KIND, str(error)
    return None


def _name(target: OpOverload) -> str:
    return target._schema.name.partition("::")[2]  # noqa: SLF001 - likewise


def _without(target: OpOverload) -> str:
    if not target._schema.returns:  # noqa: SLF001 - likewise
        return "has no result: it asserts something, or has an effect"
    return "gives a number, which later operations have as an attribute"


def users_of(node: fx.Node) -> tuple[int, ...]:
    """Which results of an operation with several are read."""
    return tuple(sorted({int(each.args[1]) for each in node.users if each.target is operator.getitem}))  # type: ignore[arg-type] # getitem's index

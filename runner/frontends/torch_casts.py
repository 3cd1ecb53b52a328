"""A target's input casts turn a model's inputs into ones of the types that the target's hardware has."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import torch

from runner.frontends.torch_flat import Arguments
from runner.frontends.torch_values import DTYPES, dtype_name
from schemas.errors import UsageError
from schemas.record import CastInput
from schemas.target import InputCast


def cast(arguments: Arguments, casts: Sequence[InputCast]) -> tuple[Arguments, tuple[CastInput, ...]]:
    """The arguments as the target takes them, and what was done to which; raises UsageError for an unknown type."""
    wanted = {each.given: each.cast for each in casts}
    tensors, done = [], []
    for name, tensor in zip(arguments.names, arguments.tensors, strict=True):
        given = dtype_name(tensor.dtype)
        to = wanted.get(given, given)
        if to not in DTYPES:
            raise UsageError(f"input-casts of the target: {given} to {to}: PyTorch has no type {to}", "name another")
        tensors.append(tensor if to == given else tensor.to(DTYPES[to]))
        if to != given:
            done.append(CastInput(input=name, given=given, cast=to, golden=True))
    return Arguments(arguments.names, tuple(tensors), arguments.tree), tuple(done)


def originals(original: Arguments, casts: Sequence[CastInput], cast_back: bool) -> tuple[torch.dtype | None, ...]:
    """For each input the type that it is cast back to; None where it is left alone."""
    undone = {each.input for each in casts} if cast_back else set()
    return tuple(
        tensor.dtype if name in undone else None for name, tensor in zip(original.names, original.tensors, strict=True)
    )


def told(casts: Sequence[CastInput], *, golden: bool) -> tuple[CastInput, ...]:
    """The casts with whether the golden saw them."""
    return tuple(msgspec.structs.replace(each, golden=golden) for each in casts)

"""A PyTorch module that is called with a nest becomes one that takes and returns flat tensors only."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from runner.frontends.torch_tree import Flat, Tree, flatten


@dataclass(frozen=True)
class Arguments:
    """What a model is called with: its tensors by name, in the order of the compiled function's arguments."""

    names: tuple[str, ...]
    tensors: tuple[torch.Tensor, ...]
    tree: Tree

    def filled(self, tensors: Sequence[torch.Tensor]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Positional and keyword arguments with these tensors in place of its own."""
        args, kwargs = self.tree.filled(tensors)
        return args, kwargs


def arguments_of(model: torch.nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Arguments:
    """The tensors among the arguments, called by the parameters of ``forward`` that they are given for.

    Raises TypeError where a tensor is not one that a compiled module can take.
    """
    flat = flatten((tuple(args), dict(kwargs)))
    positional = _parameters(model, len(args))
    return Arguments(tuple(_named(name, positional) for name in flat.names), flat.tensors, flat.tree)


def _parameters(model: torch.nn.Module, count: int) -> list[str]:
    """Names for the positional arguments; their numbers where the signature has none for them."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    known = [each.name for each in inspect.signature(model.forward).parameters.values() if each.kind in kinds]
    return [known[place] if place < len(known) else str(place) for place in range(count)]


def _named(path: str, positional: Sequence[str]) -> str:
    """``0.1.key`` is the positional argument 1, ``1.mask`` the keyword argument mask."""
    side, _, rest = path.partition(".")
    if side == "1":
        return rest
    place, dot, below = rest.partition(".")
    return f"{positional[int(place)]}{dot}{below}"


class FlatModule(torch.nn.Module):
    """Calls ``model`` with the nest that ``arguments`` describes, filled with flat tensors; returns flat tensors.

    ``originals``: an input is cast to this type first, for models that do not take what the target gives.
    """

    def __init__(
        self, model: torch.nn.Module, arguments: Arguments, originals: Sequence[torch.dtype | None] = ()
    ) -> None:
        super().__init__()
        self.model = model
        self._arguments = arguments
        self._originals = tuple(originals) or (None,) * len(arguments.tensors)

    def forward(self, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The tensors of what the model returns, in the order of ``flatten``."""
        given = [
            each if dtype is None else each.to(dtype) for each, dtype in zip(tensors, self._originals, strict=True)
        ]
        args, kwargs = self._arguments.filled(given)
        return outputs_of(self.model(*args, **kwargs)).tensors


def outputs_of(value: Any) -> Flat:
    """The tensors that a model has returned; raises TypeError where there is none."""
    flat = flatten(value)
    if not flat.tensors:
        msg = f"the model returned a {type(value).__name__} without a tensor in it: there is nothing to compare"
        raise TypeError(msg)
    return flat

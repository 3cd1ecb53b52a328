"""A nest of tensors - tuples, mappings, dataclasses, model outputs, caches - becomes a flat list with names, and back.

PyTorch's own tree utilities take apart what they know; dataclasses and caches, which they take for leaves, are opened
here. Names are the keys on the way: `logits`, `past_key_values.0.key`.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch.utils import _pytree as pytree

#: The name of a tensor that stands alone.
ALONE = "output"
#: Attributes of a cache's layer, in the words of its users.
_SHORT = {"keys": "key", "values": "value"}


@dataclasses.dataclass(frozen=True)
class _Opened:
    """A leaf of PyTorch's trees that holds tensors in its attributes, and the tree below each of those."""

    value: Any
    attributes: tuple[tuple[str, Tree], ...]


@dataclasses.dataclass(frozen=True)
class Tree:
    """A nest without its tensors. Where a tensor goes there is None among the leaves; constants stay as they are."""

    spec: pytree.TreeSpec
    leaves: tuple[_Opened | _Constant | None, ...]

    def filled(self, tensors: Iterable[Any]) -> Any:
        """The nest with these tensors in its places, in order. Raises ValueError for another number of them."""
        rest = iter(tensors)
        try:
            made = self.take_from(rest)
        except StopIteration:
            msg = "fewer tensors than the nest has places"
            raise ValueError(msg) from None
        if next(rest, None) is not None:
            msg = "more tensors than the nest has places"
            raise ValueError(msg)
        return made

    def take_from(self, rest: Iterator[Any]) -> Any:
        """The nest with the next tensors in its places."""
        return pytree.tree_unflatten([_leaf(each, rest) for each in self.leaves], self.spec)


@dataclasses.dataclass(frozen=True)
class _Constant:
    """A leaf that is no tensor: None, a number, a text, whatever."""

    value: Any


@dataclasses.dataclass(frozen=True)
class Flat:
    """The tensors of a nest by name, and the nest without them."""

    names: tuple[str, ...]
    tensors: tuple[Any, ...]
    tree: Tree

    @property
    def named(self) -> dict[str, Any]:
        """The tensors by name."""
        return dict(zip(self.names, self.tensors, strict=True))

    def copied(self) -> Flat:
        """With tensors of its own: the others may be a part of a model's state."""
        return Flat(self.names, tuple(each.detach().clone() for each in self.tensors), self.tree)


def flatten(value: Any, kinds: tuple[type, ...] = (torch.Tensor,)) -> Flat:
    """Take a nest apart; leaves that are of none of ``kinds`` are constants of its tree."""
    found: list[tuple[str, Any]] = []
    tree = _taken_apart(value, "", kinds, found)
    return Flat(_unique([name or ALONE for name, _ in found]), tuple(each for _, each in found), tree)


def constants(tree: Tree) -> Iterator[Any]:
    """What stands in a nest besides tensors."""
    for leaf in tree.leaves:
        if isinstance(leaf, _Constant):
            yield leaf.value
        elif isinstance(leaf, _Opened):
            for _, below in leaf.attributes:
                yield from constants(below)


def _taken_apart(value: Any, name: str, kinds: tuple[type, ...], found: list[tuple[str, Any]]) -> Tree:
    with_paths, spec = pytree.tree_flatten_with_path(value)
    leaves: list[_Opened | _Constant | None] = []
    for path, leaf in with_paths:
        full = ".".join(filter(None, (name, *map(_key, path))))
        if isinstance(leaf, kinds):
            found.append((full, leaf))
            leaves.append(None)
        else:
            leaves.append(_opened(leaf, full, kinds, found))
    return Tree(spec, tuple(leaves))


def _opened(leaf: Any, name: str, kinds: tuple[type, ...], found: list[tuple[str, Any]]) -> _Opened | _Constant:
    """A leaf that holds tensors in its attributes, or a constant."""
    before = len(found)
    below = [
        (each, _taken_apart(inner, ".".join(filter(None, (name, shown))), kinds, found))
        for each, shown, inner in _attributes(leaf)
    ]
    return _Opened(leaf, tuple(below)) if len(found) > before else _Constant(leaf)


def _attributes(value: Any) -> list[tuple[str, str, Any]]:
    """The attributes of a dataclass or a cache with what each is called in names; none of anything else."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [(each.name, each.name, getattr(value, each.name)) for each in dataclasses.fields(value)]
    if not _is_cache(value):
        return []
    held = vars(value)
    return [(name, "" if name == "layers" else _SHORT.get(name, name), inner) for name, inner in held.items()]


def _is_cache(value: Any) -> bool:
    """A model's cache or one layer of it, by the names of its classes: transformers itself goes by those too."""
    return hasattr(value, "__dict__") and any(
        each.__name__.endswith("Cache") or each.__name__ == "CacheLayerMixin" for each in type(value).__mro__
    )


def _leaf(leaf: _Opened | _Constant | None, rest: Iterator[Any]) -> Any:
    if leaf is None:
        return next(rest)
    if isinstance(leaf, _Constant):
        return leaf.value
    made = copy.copy(leaf.value)
    for name, below in leaf.attributes:
        object.__setattr__(made, name, below.take_from(rest))
    return made


def _key(key: Any) -> str:
    for attribute in ("key", "idx", "name"):
        if hasattr(key, attribute):
            return str(getattr(key, attribute))
    return str(key)


def _unique(names: list[str]) -> tuple[str, ...]:
    """Names that came twice (keys ``1`` and ``"1"``) get their place behind them."""
    return tuple(name if names.count(name) == 1 else f"{name}#{place}" for place, name in enumerate(names))

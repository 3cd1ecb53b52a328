"""The places of a walk become groups of places, each with enough operations of unknown result to run them together."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import NamedTuple

from runner.ops.program import OpProgram, Place
from runner.tensors import ELEMENT_TYPES
from schemas.ops import TensorType

#: A case with few such operations is not worth the sample that is run again alone.
FEWEST = 4
#: A case that has had its sample gains from any two.
FEWEST_AFTER = 2
#: Places, whatever they are, and bytes of values, that are held at a time.
_PLACES = 512
_BYTES = 256 << 20


class Seen(NamedTuple):
    """A place with its number and its operation's digest, which is empty where it is skipped."""

    number: int
    place: Place
    digest: str


class Ahead:
    """Places in their order. Of one whose result is known without it, the program is let go of at once."""

    def __init__(self, most: int) -> None:
        """``most``: of unknown result, that are found out at once."""
        self._most = most
        self.places: list[Seen] = []
        self.wanted: dict[str, OpProgram] = {}  # by digest: what nobody knows the result of
        self._bytes = 0

    def add(self, seen: Seen, *, known: bool, wanted: bool) -> None:
        """``known``: the result is there, or will be when its turn comes; ``wanted``: it is to be found out."""
        program = seen.place.program
        if known or program is None:
            self.places.append(seen._replace(place=dataclasses.replace(seen.place, program=None)))
            return
        self.places.append(seen)
        if wanted:
            self.wanted[seen.digest] = program
        self._bytes += size_of((*program.key.operands, *program.results))

    @property
    def full(self) -> bool:
        """Whether it is time to go through what was seen; at once where nothing is to be found out."""
        many = len(self.wanted) >= self._most or len(self.places) >= _PLACES or self._bytes >= _BYTES
        return many or not self.wanted


def size_of(types: Iterable[TensorType | None]) -> int:
    """Bytes of tensors of these types, a byte at least for each element."""
    total = 0
    for each in types:
        if each is not None:
            kind = ELEMENT_TYPES.get(each.dtype)
            count = 1
            for size in each.shape:
                count *= size
            total += count * (1 if kind is None else max(1, kind.bits // 8))
    return total

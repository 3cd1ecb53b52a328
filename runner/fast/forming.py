"""Joinable cases become batches: those compiled earlier by module, the others by name. Pure."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Self

import msgspec

from runner.protocol import Batch, Member

#: Modules in one run of the compiler: each run costs as much as four modules, but a failure more the more there are.
MODULES = 36
#: Of few cases there are so many batches, so that every processor has one, as long as each has so many members.
BATCHES, FEWEST, FEWEST_RUNS = 4, 12, 8
#: Expected seconds, alone, of all members of a batch: what a lost batch may cost.
SECONDS = 40.0
#: A small model counts for no more than this: nobody has measured it yet, or it was slow once.
MOST = 2.0
#: Members of a batch whose modules are all compiled: its process, its device and their ends are as much as some twenty.
RUNS = 96
#: Where they were compiled elsewhere, have never run, and a crash may have cost minutes of a device.
BUILT = 48


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A joinable case with all that decides where it goes. ``seconds``: how long it should take alone."""

    member: Member
    family: bytes
    seconds: float
    order: str = ""  # where it stands among those whose modules are compiled

    def drawn(self) -> Self:
        """It as one of the sample."""
        return msgspec.structs.replace(self, member=msgspec.structs.replace(self.member, drawn=True))


def batches(candidates: Sequence[Candidate], store: str, *, at_once: bool = True) -> Iterator[tuple[Batch, float]]:
    """The batches, each with the seconds that its members should take alone; ``at_once``: several may run at a time."""
    groups: dict[tuple[bytes, bool, bool], list[Candidate]] = defaultdict(list)
    for each in candidates:
        groups[each.family, each.member.case.expectation is not None, bool(each.member.compiled)].append(each)
    for (*_, warm), found in sorted(groups.items()):
        ordered = sorted(found, key=_by_module if warm else _by_name)
        most = MODULES if not warm else RUNS if ordered[0].member.key else BUILT
        for part in _parts(ordered, _size(len(found), most, warm=warm) if at_once else most):
            batch = Batch(members=tuple(each.member for each in part), store=store)
            yield batch, sum(each.seconds for each in part)


def _size(count: int, most: int, *, warm: bool) -> int:
    """Members of a batch, so that each processor has one; where all is compiled, and equal, as many as another."""
    turns = math.ceil(count / (BATCHES * most)) if warm else 1
    return min(most, max(FEWEST_RUNS if warm else FEWEST, math.ceil(count / (BATCHES * turns))))


def turn(formed: tuple[Batch, float]) -> tuple[bool, float]:
    """Sorts batches: longest first, and those that have all modules, which take next to nothing, after the others."""
    batch, seconds = formed
    return all(each.compiled for each in batch.members), -seconds


def _by_module(each: Candidate) -> tuple[str, ...]:
    return each.order, each.member.compiled, each.member.function, each.member.case.id


def _by_name(each: Candidate) -> str:
    """Neighbours are alike: they have the same kernels, which are compiled once, and what one fails with others do."""
    return each.member.case.id


def _parts(ordered: Sequence[Candidate], most: int) -> Iterator[list[Candidate]]:
    part: list[Candidate] = []
    seconds = 0.0
    for each in ordered:
        cold = 0.0 if each.member.compiled else min(each.seconds, MOST)
        if part and (len(part) == most or seconds + cold > SECONDS):
            yield part
            part, seconds = [], 0.0
        part.append(each)
        seconds += cold
    if part:
        yield part

"""What a run says about a suite's expected failures on a target: which cases fail how, and which do not fail. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

import msgspec

from results.load import Row
from schemas.words import Outcome, Stage


class Gap(msgspec.Struct, frozen=True, order=True):
    """What the cases of one group have in common; an expectation holds only if all three are met."""

    stage: Stage
    outcome: Outcome
    signature: str


class Refusal(msgspec.Struct, frozen=True, order=True):
    """A failure that cannot be declared as expected."""

    case: str
    why: str
    remedy: str


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """One suite on one target. Cases that are in neither collection gave no verdict, and stay as they are declared."""

    failing: Mapping[str, Gap]  # by case key
    passing: frozenset[str]
    refused: tuple[Refusal, ...]


_PASSING = frozenset({Outcome.PASS, Outcome.XPASS})
_DECLARABLE = frozenset({Outcome.FAIL, Outcome.CRASH, Outcome.TIMEOUT, Outcome.OOM})


def observe(rows: Iterable[Row]) -> dict[tuple[str, str], Observed]:
    """What was observed, by suite and target, sorted. SKIP, INFRA and MISSING say nothing about the compiler.

    Neither does a case that ended in one way and then in another, or that ran with other settings than its manifest's:
    it is neither added nor removed.
    """
    failing: dict[tuple[str, str], dict[str, Gap]] = defaultdict(dict)
    passing: dict[tuple[str, str], set[str]] = defaultdict(set)
    refused: dict[tuple[str, str], list[Refusal]] = defaultdict(list)
    for row in rows:
        if row.flaky or not row.as_declared:
            continue
        place = (row.suite, row.target)
        if row.outcome in _PASSING:
            passing[place].add(row.key)
        elif row.kind in _DECLARABLE and row.kind is not None:
            if row.stage is None or not row.signature.strip():
                why = "nobody knows the stage it failed in" if row.stage is None else "its error has no signature"
                refused[place].append(Refusal(row.key, why, "run it again"))
            else:
                failing[place][row.key] = Gap(row.stage, row.kind, row.signature)
    places = sorted({*failing, *passing, *refused})
    return {
        place: Observed(
            failing=failing.get(place, {}),
            passing=frozenset(passing.get(place, ())),
            refused=tuple(sorted(refused.get(place, ()))),
        )
        for place in places
    }

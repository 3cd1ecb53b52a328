"""All records become what a person wants to read first: an example of each failure, XPASS, INFRA, the slowest."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable
from typing import TypeVar

import msgspec

from results.measured import disabled, let_pass, token_differences, worst
from results.view import both_ends, kind_of
from schemas.figures import Standing, compared
from schemas.record import READS_BEHIND, OutputComparison, Record
from schemas.words import Outcome

T = TypeVar("T")

_EXAMPLES = 500
_CASES = 20
_SLOWEST = 15
_LOWEST = 15


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """One signature's first unexpected case, and the names of some more."""

    cases: tuple[str, ...]
    notes: tuple[str, ...]
    excerpt: str
    reproduce: str
    bundle: str


class Slow(msgspec.Struct, frozen=True, order=True):
    """A slow case."""

    seconds: float
    case: str
    outcome: str
    stage: str


class LowPcc(msgspec.Struct, frozen=True, order=True):
    """A comparison's low correlation."""

    pcc: float
    case: str
    outcome: str
    required: float | None
    max_abs: float | None


class Unasserted(msgspec.Struct, frozen=True, kw_only=True):
    """A case with disabled checks, and what they would have failed."""

    case: str
    outcome: str
    checks: tuple[str, ...]
    issue: str
    would_fail: tuple[str, ...]


class GoldenStanding(msgspec.Struct, frozen=True, order=True):
    """A figure that its golden is not met by, or improved."""

    standing: Standing
    case: str
    outcome: str
    what: str
    measured: float
    golden: float
    delta: str


class Digest(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of a run that its summary shows one by one."""

    examples: dict[tuple[str, Outcome, str], Example]  # by stage, kind of end, signature
    xpass: tuple[tuple[str, str], ...]  # case, file:line of the expectation
    infra: tuple[tuple[str, str], ...]  # case, what happened
    flaky: tuple[tuple[str, str, str], ...]  # case, the first run's end, the second's
    slowest: tuple[Slow, ...]
    unchecked: tuple[Unasserted, ...]
    diverging: tuple[tuple[str, OutputComparison], ...]  # case, its first value that diverges
    tokens: tuple[tuple[str, str], ...]  # case, the difference of a sequence that did not pass, or passed by its text
    least_correlated: tuple[LowPcc, ...]
    goldens: tuple[GoldenStanding, ...] = ()  # missed and improved ones
    reading_behind: tuple[tuple[str, Outcome], ...] = ()  # cases whose code reads memory behind its inputs


def digest(records: Iterable[Record]) -> Digest:
    """One walk; keeps a bounded number of examples."""
    examples: dict[tuple[str, Outcome, str], tuple[Record, list[str]]] = {}
    xpass: list[tuple[str, str]] = []
    infra: list[tuple[str, str]] = []
    flaky: list[tuple[str, str, str]] = []
    slowest: list[Slow] = []
    unchecked: list[Unasserted] = []
    diverging: list[tuple[str, OutputComparison]] = []
    tokens: list[tuple[str, str]] = []
    behind: list[tuple[str, Outcome]] = []
    lowest: list[tuple[float, LowPcc]] = []
    goldens: list[GoldenStanding] = []
    for record in records:
        kind = kind_of(record.outcome, record.expectation)
        signature = record.error.signature if record.error is not None else ""
        if record.outcome is Outcome.XPASS:
            xpass.append((record.case, record.expectation.where if record.expectation is not None else ""))
        elif record.outcome is Outcome.INFRA:
            infra.append((record.case, signature or "; ".join(record.notes)))
        elif kind and record.outcome is not Outcome.XFAIL:
            _keep(examples, (record.exit_status, kind, signature), record)
        if record.flaky:
            flaky.append((record.case, *both_ends(record)))
        if record.seconds > 0:
            _push(slowest, record)
        if record.checks is not None and len(unchecked) < _EXAMPLES:
            unchecked.append(_unasserted(record))
        _tell(diverging, ((record.case, value) for value in record.intermediates[:1]))
        _tell(tokens, ((record.case, difference) for difference in token_differences(record)))
        _tell(behind, ((record.case, record.outcome) for note in record.notes if note == READS_BEHIND))
        if record.comparisons:
            _push_pcc(lowest, record)
        goldens += _standings(record)[: _EXAMPLES - len(goldens)]
    return Digest(
        examples={key: _example(*kept) for key, kept in examples.items()},
        xpass=tuple(xpass),
        infra=tuple(infra),
        flaky=tuple(flaky),
        slowest=tuple(sorted(slowest, key=lambda slow: (-slow.seconds, slow.case))),
        unchecked=tuple(sorted(unchecked, key=lambda each: (not each.would_fail, each.case))),
        diverging=tuple(diverging),
        tokens=tuple(tokens),
        least_correlated=tuple(sorted(low for _, low in lowest)),
        goldens=tuple(sorted(goldens, key=lambda each: (each.standing is Standing.IMPROVED, each))),
        reading_behind=tuple(sorted(behind)),
    )


def _standings(record: Record) -> list[GoldenStanding]:
    return [
        GoldenStanding(
            each.standing, record.case, record.outcome, each.figure.title, each.measured, each.golden, each.delta
        )
        for each in compared(record.metrics)
        if each.standing is not Standing.MET
    ]


def _keep(
    examples: dict[tuple[str, Outcome, str], tuple[Record, list[str]]], key: tuple[str, Outcome, str], record: Record
) -> None:
    if key in examples:
        if len(examples[key][1]) < _CASES:
            examples[key][1].append(record.case)
    elif len(examples) < _EXAMPLES:
        examples[key] = (record, [record.case])


def _tell(told: list[T], news: Iterable[T]) -> None:
    told += itertools.islice(news, _EXAMPLES - len(told))


def _example(record: Record, cases: list[str]) -> Example:
    return Example(
        cases=tuple(cases),
        notes=record.notes,
        excerpt=record.error.excerpt if record.error is not None else "",
        reproduce=record.reproduce,
        bundle=record.bundle,
    )


def _unasserted(record: Record) -> Unasserted:
    return Unasserted(
        case=record.case,
        outcome=record.outcome,
        checks=disabled(record),
        issue=record.checks.issue if record.checks is not None else "",
        would_fail=let_pass(record),
    )


def _push_pcc(lowest: list[tuple[float, LowPcc]], record: Record) -> None:
    """Keeps the lowest; those of 1 are no news."""
    found = worst(record)
    if found.pcc is None or found.pcc >= 1 or (len(lowest) == _LOWEST and found.pcc >= -lowest[0][0]):
        return
    required = record.tolerance.pcc if record.tolerance is not None else None
    heapq.heappush(lowest, (-found.pcc, LowPcc(found.pcc, record.case, record.outcome, required, found.max_abs)))
    if len(lowest) > _LOWEST:
        heapq.heappop(lowest)


def _push(slowest: list[Slow], record: Record) -> None:
    if len(slowest) == _SLOWEST and record.seconds <= slowest[0].seconds:
        return
    longest = max(record.stages, key=lambda stage: stage.seconds, default=None)
    stage = f"{longest.stage} {longest.seconds:.2f} s" if longest is not None else ""
    heapq.heappush(slowest, Slow(record.seconds, record.case, record.outcome, stage))
    if len(slowest) > _SLOWEST:
        heapq.heappop(slowest)

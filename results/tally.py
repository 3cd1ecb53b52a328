"""Counts a run's records in one walk: totals, suite x target x outcome, stages, skip reasons, signatures."""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Iterable

import msgspec

from results.device import Device
from results.measured import is_unchecked, let_pass
from results.view import kind_of
from schemas.record import DIFFERED, Record, Together
from schemas.report import GroupTotals, MissingCase, SignatureTotal, SkipTotal, TogetherTotals, Unchecked
from schemas.words import EXIT_PASS, MODULES_COMPILED, MODULES_FROM_CACHE, Outcome, SkipReason


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """All counts of a report."""

    totals: dict[Outcome, int]
    flaky: int
    unchecked: Unchecked
    groups: tuple[GroupTotals, ...]
    skips: tuple[SkipTotal, ...]
    signatures: tuple[SignatureTotal, ...]
    missing: tuple[MissingCase, ...]
    red: bool


class _Group:
    def __init__(self) -> None:
        self.outcomes: Counter[Outcome] = Counter()
        self.stages: Counter[str] = Counter()
        self.seconds = 0.0
        self.flaky = 0
        self.unchecked = 0
        self.would_fail = 0
        self.modules_compiled = 0
        self.modules_from_cache = 0
        self.together = TogetherTotals()
        self.device = Device()


class _Signature:
    def __init__(self) -> None:
        self.expected = 0
        self.flaky = 0
        self.cases: list[str] = []
        self.models: set[str] = set()


def tally(records: Iterable[Record]) -> Tally:
    """Counts; every outcome is listed, also those that did not occur."""
    groups: dict[tuple[str, str], _Group] = defaultdict(_Group)
    skips: Counter[SkipReason] = Counter()
    signatures: dict[tuple[str, Outcome, str], _Signature] = defaultdict(_Signature)
    missing: list[MissingCase] = []
    for record in records:
        group = groups[record.suite, record.target]
        group.outcomes[record.outcome] += 1
        group.seconds += record.seconds
        group.flaky += record.flaky
        group.modules_compiled += int(record.metrics.get(MODULES_COMPILED, 0))
        group.modules_from_cache += int(record.metrics.get(MODULES_FROM_CACHE, 0))
        if record.together is not None:
            group.together = _with(group.together, record.together)
        group.device.add(record)
        if is_unchecked(record):
            group.unchecked += 1
            group.would_fail += bool(let_pass(record))
        if record.outcome is Outcome.SKIP:
            skips[record.skip_reason or SkipReason.MANIFEST] += 1
        elif record.exit_status != EXIT_PASS:
            group.stages[record.exit_status] += 1
        if record.outcome is Outcome.MISSING:
            missing.append(MissingCase(sys.intern(record.case), "; ".join(record.notes)))
        kind = kind_of(record.outcome, record.expectation)
        if kind:
            text = record.error.signature if record.error is not None else ""
            signature = signatures[record.exit_status, kind, text]
            signature.expected += record.outcome is Outcome.XFAIL
            signature.flaky += record.flaky
            signature.cases.append(sys.intern(record.case))
            signature.models.add(sys.intern(record.model))
    totals: Counter[Outcome] = Counter()
    for group in groups.values():
        totals.update(group.outcomes)
    return Tally(
        totals={outcome: totals[outcome] for outcome in Outcome},
        flaky=sum(group.flaky for group in groups.values()),
        unchecked=Unchecked(
            sum(group.unchecked for group in groups.values()), sum(group.would_fail for group in groups.values())
        ),
        groups=tuple(_group(suite, target, group) for (suite, target), group in sorted(groups.items())),
        skips=tuple(SkipTotal(reason=r, count=n) for r, n in sorted(skips.items(), key=lambda p: (-p[1], p[0]))),
        signatures=_signatures(signatures),
        missing=tuple(missing),
        red=any(outcome.is_red for outcome, count in totals.items() if count) or any(g.flaky for g in groups.values()),
    )


def _with(totals: TogetherTotals, one: Together) -> TogetherTotals:
    differed = totals.differed + (one.again == DIFFERED)
    return TogetherTotals(totals.joined + 1, totals.again + bool(one.again), differed)


def _group(suite: str, target: str, group: _Group) -> GroupTotals:
    return GroupTotals(
        suite=suite,
        target=target,
        total=group.outcomes.total(),
        seconds=round(group.seconds, 3),
        outcomes={outcome: group.outcomes[outcome] for outcome in Outcome},
        stages=dict(sorted(group.stages.items())),
        flaky=group.flaky,
        unchecked=Unchecked(group.unchecked, group.would_fail),
        modules_compiled=group.modules_compiled,
        modules_from_cache=group.modules_from_cache,
        together=group.together,
        device=group.device.total(),
    )


def _signatures(found: dict[tuple[str, Outcome, str], _Signature]) -> tuple[SignatureTotal, ...]:
    """Unexpected ones first, then by number of cases, then by text."""
    totals = [
        SignatureTotal(
            signature=text,
            stage=stage,
            kind=kind,
            expected=item.expected,
            unexpected=len(item.cases) - item.expected,
            models=len(item.models),
            cases=tuple(sorted(item.cases)),
            flaky=item.flaky,
        )
        for (stage, kind, text), item in found.items()
    ]
    totals.sort(key=lambda s: (-s.unexpected, -len(s.cases), s.stage, s.kind, s.signature))
    return tuple(totals)

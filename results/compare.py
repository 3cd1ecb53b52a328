"""Two runs become what changed between them, per suite and target. Pure."""

from __future__ import annotations

from collections import defaultdict
from enum import StrEnum

import msgspec

from results.load import Row, Run
from schemas.words import Outcome

COMPARISON_SCHEMA = "e2eshard.comparison/1"


class Change(StrEnum):
    """What can happen to a case between two runs."""

    REGRESSION = "regression"  # passed, and does not any more (nor was it skipped)
    FIX = "fix"  # failed, and passes
    CHANGED = "changed"  # fails both times, but at another stage, in another way or with another signature
    FLAKY = "flaky"  # in one of the two runs it did not end twice in the same way: no verdict to compare
    UNJUDGED = "unjudged"  # had a verdict, and has none now (skipped; or failed, and was lost)
    JUDGED = "judged"  # had no verdict, and has one now
    NEW = "new"
    VANISHED = "vanished"


class Difference(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One case that is not as it was. ``before`` and ``after`` read ``FAIL at compilation: signature``."""

    change: Change
    suite: str
    target: str
    case: str
    before: str = ""
    after: str = ""


class Overlap(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """How many cases of a suite on a target are in the old run, the new one, and both."""

    suite: str
    target: str
    old: int
    new: int
    both: int


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """All differences, and whether the two runs could be compared at all."""

    schema: str = COMPARISON_SCHEMA
    old: str
    new: str
    partial: bool  # the new run is of a selection
    counts: dict[Change, int]
    overlaps: tuple[Overlap, ...]
    incomparable: tuple[str, ...]  # why "no regression" would be no statement
    differences: tuple[Difference, ...]

    @property
    def red(self) -> bool:
        """A regression, or nothing to compare where there should have been something."""
        return bool(self.counts[Change.REGRESSION] or self.incomparable)


_PASSING = frozenset({Outcome.PASS, Outcome.XPASS})
_FAILING = frozenset({Outcome.FAIL, Outcome.XFAIL, Outcome.CRASH, Outcome.TIMEOUT, Outcome.OOM})


def compare(old: Run, new: Run) -> Comparison:
    """Every case of both runs, keyed by its id (suite, target, model, path)."""
    found: list[Difference] = []
    for case in sorted(old.rows.keys() | new.rows.keys()):
        before, after = old.rows.get(case), new.rows.get(case)
        change = _change(before, after)
        row = after or before
        if change is not None and row is not None:
            found.append(
                Difference(
                    change=change,
                    suite=row.suite,
                    target=row.target,
                    case=case,
                    before=_describe(before),
                    after=_describe(after),
                )
            )
    order = list(Change)
    found.sort(key=lambda d: (order.index(d.change), d.case))
    overlaps = _overlaps(old, new)
    return Comparison(
        old=old.name,
        new=new.name,
        partial=new.partial,
        counts={change: sum(d.change is change for d in found) for change in Change},
        overlaps=overlaps,
        incomparable=_incomparable(overlaps, partial=new.partial),
        differences=tuple(found),
    )


def _change(before: Row | None, after: Row | None) -> Change | None:
    if before is None or after is None:
        return Change.NEW if before is None else Change.VANISHED
    was, now = before.outcome, after.outcome
    if before.flaky or after.flaky:
        return _unsteady(before, after)
    if was in _PASSING and now not in _PASSING:
        return Change.UNJUDGED if now is Outcome.SKIP else Change.REGRESSION
    if was in _FAILING and now in _FAILING:
        same = (before.kind, before.exit_status, before.signature) == (after.kind, after.exit_status, after.signature)
        return None if same else Change.CHANGED
    if was in _FAILING:
        return Change.FIX if now in _PASSING else Change.UNJUDGED
    return Change.JUDGED if was not in _PASSING and (now in _PASSING or now in _FAILING) else None


def _unsteady(before: Row, after: Row) -> Change | None:
    """A case that is flaky in one of the runs neither regressed nor was mended; one that is so in both is as it was."""
    if before.flaky and after.flaky:
        return None
    return Change.FLAKY if after.flaky or after.outcome in _PASSING | _FAILING else Change.UNJUDGED


def _describe(row: Row | None) -> str:
    if row is None:
        return ""
    mark = "flaky, first " if row.flaky else ""
    if not row.kind:
        return f"{mark}{row.outcome}"
    kind = row.kind if row.outcome is not Outcome.XFAIL else f"expected {row.kind}"
    return f"{mark}{kind} at {row.exit_status}: {row.signature}"


def _overlaps(old: Run, new: Run) -> tuple[Overlap, ...]:
    cases: dict[tuple[str, str], tuple[set[str], set[str]]] = defaultdict(lambda: (set(), set()))
    for side, run in enumerate((old, new)):
        for row in run.rows.values():
            cases[row.suite, row.target][side].add(row.case)
    return tuple(
        Overlap(suite=suite, target=target, old=len(was), new=len(now), both=len(was & now))
        for (suite, target), (was, now) in sorted(cases.items())
    )


def _incomparable(overlaps: tuple[Overlap, ...], *, partial: bool) -> tuple[str, ...]:
    if not any(item.both for item in overlaps):
        return ("the two runs have no case in common",)
    told: list[str] = []
    for item in overlaps:
        if item.both or not item.old:
            continue  # a target that is only in the new run has nothing to regress from
        if item.new:
            told.append(f"{item.suite} on {item.target}: {item.old} old and {item.new} new cases, none in common")
        elif not partial:  # a selection may leave a target out
            told.append(f"{item.suite} on {item.target}: {item.old} old cases, none in the new run")
    return tuple(told)

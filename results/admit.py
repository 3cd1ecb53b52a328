"""Decides which shard files count for a run, and names what is wrong with the others. Pure."""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Any

import msgspec

from results.plan import Plan
from results.scan import Scan
from schemas.report import Problem, ProblemKind


class _Everything:
    """Holds every case: a run without a matrix owes nothing, and takes what came."""

    def __contains__(self, case: object) -> bool:
        return True


_EVERYTHING = _Everything()
_NOTHING: frozenset[str] = frozenset()


class Admission(msgspec.Struct, frozen=True, kw_only=True):
    """The scans whose records count, those refused with the reason, and the problems found on the way."""

    scans: tuple[Scan, ...]
    refused: tuple[tuple[Scan, str], ...]
    problems: tuple[Problem, ...]
    plan: Plan | None

    def known(self, scan: Scan) -> Container[str]:
        """The cases that may be taken from ``scan``."""
        return _known(self.plan, scan)


def _known(plan: Plan | None, scan: Scan) -> Container[Any]:
    if plan is None:
        return _EVERYTHING
    return _Owned(plan, f"{scan.suite}/{scan.target}/")


class _Owned:
    """The planned cases of one suite and target."""

    __slots__ = ("_cases", "_prefix")

    def __init__(self, plan: Plan, prefix: str) -> None:
        self._cases = plan.cases
        self._prefix = prefix

    def __contains__(self, case: object) -> bool:
        return isinstance(case, str) and case.startswith(self._prefix) and case in self._cases


def admit(plan: Plan | None, scans: Iterable[Scan]) -> Admission:
    """Sorts the scans, drops repeated ones, refuses stale and unplanned ones, and says so."""
    ordered, problems = _drop_repeats(scans)
    accepted: list[Scan] = []
    refused: list[tuple[Scan, str]] = []
    for scan in ordered:
        if not scan.suite:  # nobody knows what it belongs to; its damage is named below
            refused.append((scan, "cannot be read"))
            continue
        problem = _objection(plan, scan)
        if problem is None:
            accepted.append(scan)
        else:
            problems.append(problem)
            refused.append((scan, f"was not taken: {problem.text}"))
    for scan in accepted:
        problems += _unplanned(plan, scan)
    for scan in ordered:
        problems += _condition(plan, scan, accepted)
    return Admission(scans=tuple(accepted), refused=tuple(refused), problems=tuple(problems), plan=plan)


def _drop_repeats(scans: Iterable[Scan]) -> tuple[list[Scan], list[Problem]]:
    kept: dict[str, Scan] = {}
    problems: list[Problem] = []
    for scan in sorted(scans, key=lambda s: (s.label, s.digest)):
        first = kept.setdefault(scan.digest, scan)
        if first is not scan and first.label != scan.label:
            text = f"the same file as {first.label}; counted once"
            problems.append(Problem(kind=ProblemKind.IGNORED, text=text, file=scan.label, red=False))
    return list(kept.values()), problems


def _objection(plan: Plan | None, scan: Scan) -> Problem | None:
    if plan is None:
        return None
    cases = tuple(sorted({e.case for e in scan.entries} | {s.case for s in scan.started}))
    expected = plan.digests.get((scan.suite, scan.target))
    if expected is None:
        text = f"no matrix given plans suite {scan.suite} on target {scan.target}; add its --matrix"
        return Problem(kind=ProblemKind.UNPLANNED, text=text, file=scan.label, cases=cases)
    if scan.matrix_digest != expected:
        made = f"matrix digest {scan.matrix_digest[:12]}" if scan.matrix_digest else "no matrix"
        text = f"it was made with {made}, this run's is {expected[:12]}; run the shard again on this commit"
        return Problem(kind=ProblemKind.STALE, text=text, file=scan.label, cases=cases)
    return None


def _unplanned(plan: Plan | None, scan: Scan) -> list[Problem]:
    known = _known(plan, scan)
    seen = {e.case for e in scan.entries} | {s.case for s in scan.started}
    strangers = tuple(sorted(case for case in seen if case not in known))
    if not strangers:
        return []
    text = "results of cases that were not planned for this run; they are not counted"
    return [Problem(kind=ProblemKind.UNPLANNED, text=text, file=scan.label, cases=strangers)]


def _condition(plan: Plan | None, scan: Scan, accepted: Iterable[Scan]) -> list[Problem]:
    """Damage and cut-off. Red, unless a newer attempt of the same shard came to its end or the records tell anyway."""
    replaced = any(_same_shard(scan, s) and s.attempt > scan.attempt and s.complete and not s.damage for s in accepted)
    problems = [Problem(kind=ProblemKind.DAMAGED, text=text, file=scan.label, red=not replaced) for text in scan.damage]
    problems += [Problem(kind=ProblemKind.DAMAGED, text=text, file=scan.label, red=False) for text in scan.notes]
    if not scan.suite:
        return problems
    if not scan.complete:
        text = f"the shard was cut off after {len(scan.entries)} of {scan.planned} cases"
        red = plan is None and not replaced  # with a plan, the MISSING cases speak
        problems.append(Problem(kind=ProblemKind.CUT_OFF, text=text, file=scan.label, red=red))
    elif plan is None and len(scan.entries) + len(scan.started) < scan.planned and not replaced:
        text = f"only {len(scan.entries)} of {scan.planned} cases have a record, though the shard came to its end"
        problems.append(Problem(kind=ProblemKind.CUT_OFF, text=text, file=scan.label))
    return problems


def _same_shard(one: Scan, other: Scan) -> bool:
    return (one.suite, one.target, one.shard) == (other.suite, other.target, other.shard)

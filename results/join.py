"""Joins what was planned with what the shards left behind: one decision a case, and everything that is wrong. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from results.admit import Admission, admit
from results.plan import Plan, PlannedShard
from results.scan import Entry, Scan
from schemas.report import Problem, ProblemKind


class Built(msgspec.Struct, frozen=True, kw_only=True):
    """Where a partial record lies: what another machine knew of a case whose device said nothing."""

    path: str
    offset: int
    length: int


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """How a case ends: with ``entry``'s record, or without one (``why``), after having been started or not."""

    case: str
    shard: PlannedShard | None
    entry: Entry | None = None
    why: str = ""
    started: str = ""  # ISO time; non-empty: begun and never ended, so CRASH, else MISSING
    attempt: int = 1
    label: str = ""  # of the scan that decided
    built: Built | None = None


class Joined(msgspec.Struct, frozen=True, kw_only=True):
    """The join's result; ``decisions`` hold every planned case exactly once, sorted by case id."""

    decisions: tuple[Decision, ...]
    superseded: tuple[Entry, ...]
    problems: tuple[Problem, ...]
    taken: Mapping[str, int]  # scan label -> records that stand
    admitted: frozenset[str]  # digests of the scans of which something may be taken
    planned: bool
    partial: bool
    partial_detail: str


class _Evidence:
    """Everything that accepted scans say about one case."""

    __slots__ = ("entries", "started")

    def __init__(self) -> None:
        self.entries: list[tuple[Entry, str]] = []
        self.started: list[tuple[int, str, str]] = []  # attempt, ISO time, scan label


def join(plan: Plan | None, scans: Iterable[Scan], built: Iterable[str] = ()) -> Joined:
    """One decision for every planned case (without a plan: for every case seen), whatever the scans hold.

    ``built``: cases of which a build speaks.
    Neither the order of the scans nor repeating one changes the result.
    """
    admission = admit(plan, scans)
    evidence = _collect(admission)
    wanted: Mapping[str, PlannedShard | None]
    wanted = plan.cases if plan is not None else dict.fromkeys(sorted({*evidence, *built}))
    absent = _Absence(admission.scans, admission.refused)
    decisions: list[Decision] = []
    superseded: list[Entry] = []
    problems = list(admission.problems)
    taken: Counter[str] = Counter()
    for case, shard in wanted.items():
        found = evidence.get(case)
        if found is None:
            decisions.append(Decision(case=case, shard=shard, why=absent.why(shard)))
            continue
        decision, label, older, clash = _decide(case, shard, found)
        decisions.append(decision)
        superseded.extend(older)
        if label:
            taken[label] += 1
        if clash:
            problems.append(clash)
    return Joined(
        decisions=tuple(decisions),
        superseded=tuple(superseded),
        problems=tuple(sorted(_merge_duplicates(problems))),
        taken=dict(taken),
        admitted=frozenset(scan.digest for scan in admission.scans),
        planned=plan is not None,
        partial=plan is not None and plan.partial,
        partial_detail=plan.partial_detail if plan is not None else "",
    )


def _collect(admission: Admission) -> dict[str, _Evidence]:
    evidence: dict[str, _Evidence] = defaultdict(_Evidence)
    for scan in admission.scans:
        known = admission.known(scan)
        for entry in scan.entries:
            if entry.case in known:
                evidence[entry.case].entries.append((entry, scan.label))
        for start in scan.started:
            if start.case in known:
                evidence[start.case].started.append((start.attempt, start.started, scan.label))
    return evidence


def _decide(
    case: str, shard: PlannedShard | None, found: _Evidence
) -> tuple[Decision, str, list[Entry], Problem | None]:
    newest = max([e.attempt for e, _ in found.entries] + [attempt for attempt, _, _ in found.started])
    rivals = sorted((p for p in found.entries if p[0].attempt == newest), key=lambda p: _preference(p[0]))
    begun = sorted(s for s in found.started if s[0] == newest)
    older = sorted((e for e, _ in found.entries if e.attempt < newest), key=lambda e: (e.attempt, _preference(e)))
    files = sorted({label for _, label in rivals} | {label for _, _, label in begun})
    clash = None
    if len(rivals) + len(begun) > 1:
        clash = Problem(
            kind=ProblemKind.DUPLICATE,
            text=f"more than one result in attempt {newest}; the worst stands. Found in: {', '.join(files)}",
            cases=(case,),
        )
    if rivals:
        entry, label = rivals[0]
        return Decision(case=case, shard=shard, entry=entry, attempt=newest, label=label), label, older, clash
    why = f"started, no result: {begun[0][2]} ends without a record of it"
    decision = Decision(
        case=case, shard=shard, why=why, started=begun[0][1] or "unknown", attempt=newest, label=begun[0][2]
    )
    return decision, "", older, clash


def _preference(entry: Entry) -> tuple[bool, int]:
    """Red first, so that a duplicate never hides a failure; then by content, so that no order matters."""
    return (not entry.red, entry.fingerprint)


class _Absence:
    """Why nothing came back of a planned case."""

    def __init__(self, accepted: Sequence[Scan], refused: Sequence[tuple[Scan, str]]) -> None:
        self._accepted: dict[tuple[str, str, int | None], list[Scan]] = defaultdict(list)
        self._refused: dict[tuple[str, str, int | None], list[str]] = defaultdict(list)
        for scan in accepted:
            self._accepted[scan.suite, scan.target, scan.shard].append(scan)
        for scan, reason in refused:
            self._refused[scan.suite, scan.target, scan.shard].append(f"{scan.label} {reason}")

    def why(self, shard: PlannedShard | None) -> str:
        if shard is None:  # without a plan only cases that were seen are asked for
            return "nothing came back"
        key = (shard.suite, shard.target, shard.shard)
        scans = sorted(self._accepted.get(key, []), key=lambda s: (-s.attempt, s.label))
        if not scans:
            refused = sorted(self._refused.get(key, []))
            return refused[0] if refused else f"shard absent: no results of {shard.id} were found"
        scan = scans[0]
        if scan.damage:
            return f"{scan.label} is damaged: its record may have stood there"
        if not scan.complete:
            return f"shard cut off before it: {scan.label} ends after {len(scan.entries)} records"
        return f"{scan.label} came to its end without it"


def _merge_duplicates(problems: Iterable[Problem]) -> Iterable[Problem]:
    """One problem for all cases with the same text."""
    grouped: dict[tuple[ProblemKind, str, str, bool], list[str]] = defaultdict(list)
    for problem in problems:
        grouped[problem.kind, problem.text, problem.file, problem.red].extend(problem.cases)
    for (kind, text, file, red), cases in grouped.items():
        yield Problem(kind=kind, text=text, file=file, red=red, cases=tuple(sorted(set(cases))))

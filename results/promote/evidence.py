"""All runs, oldest first, become what each says of a model on a target: one end, and one count of operations. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum

import msgspec

from results.promote.records import Seen, SeenRun
from results.view import kind_of
from schemas.opwords import OpStatus, OpTotals
from schemas.words import EXIT_NUMERICS, Depth, Outcome, Stage

Place = tuple[str, str]  # a model and a target
Rank = Callable[[Seen], tuple[int, int, int] | None]  # None: not a model of these suites

#: Settings from the command line that leave the verdict what the suites would have made it.
_HARMLESS = frozenset({"depth"})
_OP_BY_OP = (Depth.COMPILE_OP_BY_OP, Depth.EXECUTE_OP_BY_OP)
_STAGES = {stage.value: stage for stage in Stage}


class Verdict(StrEnum):
    """What one run says of a model that it ran end to end."""

    PASSES = "passes"
    NUMERICS = "runs, and fails numerics"
    FAILS = "fails"
    UNCLEAR = "unclear"


class End(msgspec.Struct, frozen=True, kw_only=True):
    """How a model ended in one run. ``why`` belongs to UNCLEAR; what follows it, to what failed."""

    run: int
    verdict: Verdict
    record: Seen
    why: str = ""
    stage: Stage | None = None
    kind: Outcome = Outcome.FAIL
    failed_checks: tuple[str, ...] = ()
    fixed_check: str = ""  # a difference that no check can be disabled for

    @property
    def signature(self) -> str:
        """Of the error, or nothing."""
        return self.record.error.signature if self.record.error is not None else ""


class Ops(msgspec.Struct, frozen=True, kw_only=True):
    """A model's operations in one run."""

    run: int
    record: Seen
    totals: OpTotals

    @property
    def all_compile(self) -> bool:
        """Every operation reached COMPILED."""
        return self.count > 0 and not sum(self.totals.by_status[: OpStatus.COMPILED])

    @property
    def all_execute(self) -> bool:
        """Every operation reached EXECUTED."""
        return self.count > 0 and not sum(self.totals.by_status[: OpStatus.EXECUTED])

    @property
    def count(self) -> int:
        """Uses of operations that have a program of their own."""
        return sum(self.totals.by_status)

    @property
    def executed(self) -> int:
        """Of these, the ones that reached EXECUTED."""
        return self.totals.by_status[OpStatus.EXECUTED] if len(self.totals.by_status) > OpStatus.EXECUTED else 0


class History(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the runs say of a model on a target, oldest first. ``compiles``: whether the whole model did."""

    model: str
    target: str
    ends: tuple[End, ...] = ()
    ops: tuple[Ops, ...] = ()
    compiles: tuple[tuple[int, bool], ...] = ()


def histories(runs: Sequence[SeenRun], rank: Rank) -> dict[Place, History]:
    """By model and target, sorted. The record of the least ``rank`` speaks for a model; the others are left alone."""
    usable: dict[Place, list[tuple[int, Seen]]] = defaultdict(list)
    for number, run in enumerate(runs):
        for record in run.records:
            if rank(record) is not None and {each.name for each in record.settings} <= _HARMLESS:
                usable[record.model, record.target].append((number, record))
    return {place: _history(place, rows, rank) for place, rows in sorted(usable.items())}


def _history(place: Place, rows: Sequence[tuple[int, Seen]], rank: Rank) -> History:
    whole = _speaking([(n, row) for n, row in rows if row.depth is Depth.EXECUTE], rank)
    single = _speaking([(n, row) for n, row in rows if row.depth in _OP_BY_OP], rank)
    compiled = _speaking([(n, row) for n, row in rows if row.depth in (Depth.COMPILE, Depth.EXECUTE)], rank)
    ends = [end for number, records in whole.items() if (end := _end(number, records)) is not None]
    ops = [found for number, records in single.items() if (found := _ops(number, records)) is not None]
    said = [(number, told) for number, records in compiled.items() if (told := _compiles(records)) is not None]
    return History(model=place[0], target=place[1], ends=tuple(ends), ops=tuple(ops), compiles=tuple(said))


def _speaking(rows: Sequence[tuple[int, Seen]], rank: Rank) -> Mapping[int, list[Seen]]:
    """By run, the records of the case that speaks for the model; several where several suites ran it."""
    ranks = {key for _, row in rows if (key := rank(row)) is not None}
    found: dict[int, list[Seen]] = defaultdict(list)
    for number, row in rows:
        if rank(row) == min(ranks):
            found[number].append(row)
    return found


def _end(run: int, records: Iterable[Seen]) -> End | None:
    """One run's word; suites that disagree are no word at all."""
    ends = [end for record in records if (end := _end_of(run, record)) is not None]
    if not ends:
        return None
    first = ends[0]
    for other in ends[1:]:
        if (other.verdict, other.stage) != (first.verdict, first.stage):
            said = f"{first.verdict} in {first.record.suite} and {other.verdict} in {other.record.suite}, in one run"
            return End(run=run, verdict=Verdict.UNCLEAR, record=first.record, why=said)
    return first


def _end_of(run: int, record: Seen) -> End | None:
    if record.flaky:
        return End(run=run, verdict=Verdict.UNCLEAR, record=record, why="flaky: run again, it ended otherwise")
    if record.outcome in (Outcome.PASS, Outcome.XPASS):
        reached = record.reached_depth is Depth.EXECUTE
        return End(run=run, verdict=Verdict.PASSES, record=record) if reached else None
    kind = kind_of(record.outcome, record.expectation)
    if kind in (None, Outcome.INFRA):
        return None  # SKIP, INFRA and MISSING say nothing of the model
    if record.exit_status == EXIT_NUMERICS:
        checks, fixed = _failed_checks(record)
        return End(
            run=run, verdict=Verdict.NUMERICS, record=record, stage=Stage.COMPARISON,
            failed_checks=checks, fixed_check=fixed,
        )  # fmt: skip
    stage = _STAGES.get(record.exit_status)
    if stage is None:
        return End(run=run, verdict=Verdict.UNCLEAR, record=record, why="nobody knows the stage it died in")
    return End(run=run, verdict=Verdict.FAILS, record=record, stage=stage, kind=kind or Outcome.FAIL)


def _failed_checks(record: Seen) -> tuple[tuple[str, ...], str]:
    """The checks that failed, under their names in a manifest; and what failed that has none."""
    checks: dict[str, None] = {}
    for one in record.comparisons:
        if one.passed:
            continue
        if not one.total or "NaN or infinity" in one.reason:
            return (), f"output {one.output}: {one.reason or 'nothing was compared'}"
        if "elements differ" in one.reason:
            checks["atol"] = None
        if "PCC" in one.reason:
            checks["pcc"] = None
    if any(not one.passed for one in record.tokens):
        checks["tokens"] = None
    return tuple(sorted(checks)), "" if checks else "no output is told to differ"


def _ops(run: int, records: Iterable[Seen]) -> Ops | None:
    """Of a walk that came to its end; suites that disagree say nothing."""
    found = [
        Ops(run=run, record=record, totals=record.ops)
        for record in records
        if record.ops is not None and not record.flaky and record.outcome in (Outcome.PASS, Outcome.XPASS)
    ]
    if not found or any(other.totals.by_status != found[0].totals.by_status for other in found[1:]):
        return None
    return found[0]


def _compiles(records: Iterable[Seen]) -> bool | None:
    said = set()
    for record in records:
        if record.reached_depth in (Depth.COMPILE, Depth.EXECUTE):
            said.add(True)
        elif kind_of(record.outcome, record.expectation) not in (None, Outcome.INFRA):
            said.add(False)
    return said.pop() if len(said) == 1 else None

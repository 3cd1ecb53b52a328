"""A report: all records of a run joined with what was planned; one shape for a shard and for a merged run."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from schemas.record import REPORT_SCHEMA, Provenance, Record
from schemas.words import Outcome, SkipReason

#: ``exit_status`` of a case that was started and left no record: nobody knows which stage it died in.
EXIT_UNKNOWN = "unknown"


class ProblemKind(StrEnum):
    """What can be wrong with a run besides its cases' outcomes."""

    UNPLANNED = "unplanned"  # a record of a case that no matrix (or not this selection) asked for
    DUPLICATE = "duplicate"  # a case with more than one result in the same attempt
    STALE = "stale"  # a journal made for another matrix
    DAMAGED = "damaged"  # a file that cannot be read, or not wholly
    CUT_OFF = "cut-off"  # a journal without its last line: the shard did not come to its end
    REFUSED = "refused"  # a hostile or oversized part of an archive, a symbolic link
    ABSENT = "absent"  # an input that is not there
    IGNORED = "ignored"  # an input that adds nothing: the same file again, a merged report among the shards
    OPS_DIFFER = "ops-differ"  # a case's record counts other operations than its journal of operations holds
    MIXED_TOOLS = "mixed-tools"  # shards of one run used different builds of a tool


class Problem(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One thing wrong with the run. A red problem makes the run fail whatever its records say."""

    kind: ProblemKind
    text: str
    file: str = ""
    red: bool = True
    cases: tuple[str, ...] = ()


class MissingCase(msgspec.Struct, frozen=True, order=True):
    """A planned case of which nothing came back, and why."""

    case: str
    why: str


class ShardEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Where a part of the records came from."""

    suite: str
    target: str
    shard: int | None
    attempt: int
    file: str
    matrix_digest: str
    planned: int  # cases the shard set out to run
    recorded: int  # records found in the file
    taken: int  # records that stand in this report
    complete: bool  # the shard came to its end
    provenance: Provenance


class Superseded(msgspec.Struct, frozen=True, kw_only=True):
    """A case's result of an earlier attempt, replaced by a newer one."""

    case: str
    attempt: int
    outcome: Outcome
    exit_status: str
    signature: str
    seconds: float


class Unchecked(msgspec.Struct, frozen=True):
    """Passed comparisons with a disabled check: how many, and how many of them would have failed with it."""

    passed: int = 0
    would_fail: int = 0


class TogetherTotals(msgspec.Struct, frozen=True):
    """Verdicts on cases that were compiled together: all, how many were judged again alone, how many did not agree."""

    joined: int = 0
    again: int = 0
    differed: int = 0


class DeviceTime(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds of stages of a target whose cases were built elsewhere: ``used`` on its own machines, ``saved`` there.

    ``builders`` are the targets whose machines built, ``cases`` how many had something built.
    """

    used: float
    saved: float
    cases: int
    builders: tuple[str, ...]


class GroupTotals(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of one suite on one target. ``stages``: where the cases stopped that did not pass, expected or not.

    ``flaky``: how many failed in two ways, or in one of two runs; they are counted under their first outcome as well.
    ``modules_compiled`` in this run, ``modules_from_cache`` taken over from earlier ones.
    """

    suite: str
    target: str
    total: int
    seconds: float  # wall seconds of all cases
    outcomes: dict[Outcome, int]
    stages: dict[str, int]
    flaky: int = 0
    unchecked: Unchecked = Unchecked()
    modules_compiled: int = 0
    modules_from_cache: int = 0
    together: TogetherTotals = TogetherTotals()
    device: DeviceTime | None = None  # where some of its cases were built on another target's machines


class SkipTotal(msgspec.Struct, frozen=True, kw_only=True):
    """How many cases were not judged for one reason."""

    reason: SkipReason
    count: int


class SignatureTotal(msgspec.Struct, frozen=True, kw_only=True):
    """All cases that ended in the same way: stage, kind of end (FAIL, CRASH, TIMEOUT, OOM, INFRA) and signature."""

    signature: str
    stage: str
    kind: Outcome
    expected: int
    unexpected: int
    models: int
    cases: tuple[str, ...]
    flaky: int = 0  # of the unexpected ones


class OpsSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A run's operations in numbers. All but ``cases``, ``unique`` and ``standings`` count uses.

    ``standings``: cases by how far all their operations came. ``failed``: uses that did not come to their end, have
    wrong outputs, or whose result no journal holds.
    """

    cases: int
    uses: int
    unique: int  # an operation counts once a target
    skipped: int
    by_status: tuple[int, ...]  # by rung, 0 to 7
    verified: int
    compared: int
    failed: int
    timeouts: int
    crashes: int
    unknown_errors: int
    no_result: int
    standings: dict[str, int]


class ShardMinutes(msgspec.Struct, frozen=True, kw_only=True):
    """Minutes of one shard's job. ``actual`` and ``attempt`` are None where the shard did not come to its end.

    ``setup`` is expected, in ``planned`` as in ``actual``. ``off``: actual / planned - 1. ``alarm``: far off; not red.
    """

    suite: str
    target: str
    shard: int
    attempt: int | None
    planned: float
    setup: float
    actual: float | None
    off: float | None
    alarm: bool


class ReportHead(msgspec.Struct, frozen=True, kw_only=True):
    """Everything of a report but its records; small, whatever the size of the run."""

    schema: str = REPORT_SCHEMA
    suite: str = ""  # the one suite, target, shard, digest, attempt; empty where there are several
    target: str = ""
    shard: int | None = None
    matrix_digest: str = ""
    attempt: int = 1
    provenance: Provenance = Provenance()
    suites: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    planned: bool = True  # False: a local run that no matrix asked for
    partial: bool = False  # a selection of the planned cases
    partial_detail: str = ""
    red: bool = False
    totals: dict[Outcome, int] = {}
    flaky: int = 0  # cases whose second run, alone, ended otherwise; every one is red and in the totals too
    unchecked: Unchecked = Unchecked()
    groups: tuple[GroupTotals, ...] = ()
    skips: tuple[SkipTotal, ...] = ()
    signatures: tuple[SignatureTotal, ...] = ()
    problems: tuple[Problem, ...] = ()
    missing: tuple[MissingCase, ...] = ()
    superseded: tuple[Superseded, ...] = ()
    ops: OpsSummary | None = None  # where cases go op by op
    shards: tuple[ShardEntry, ...] = ()
    minutes: tuple[ShardMinutes, ...] = ()  # of the shards that were asked for as planned


class Report(ReportHead, frozen=True, kw_only=True):
    """``results.json``: of a shard (schema ``e2eshard.results/1``) or merged (``e2eshard.report/1``)."""

    records: tuple[Record, ...] = ()

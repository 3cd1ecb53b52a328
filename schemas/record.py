"""A record: one case's whole result. Records of a shard, and of all shards, are written by the same writers."""

from __future__ import annotations

import msgspec

from schemas.case import Checks, Expectation, Setting, Tolerance
from schemas.opwords import OpTotals
from schemas.words import Depth, Lowering, Mode, Outcome, Path, SkipReason, Stage, StageStatus

RESULTS_SCHEMA = "e2eshard.results/1"
REPORT_SCHEMA = "e2eshard.report/1"


class StageResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How one stage went.

    ``peak_rss_bytes`` is that of the largest process of the stage; ``log`` is relative to the shard's folder.
    """

    stage: Stage
    status: StageStatus
    seconds: float = 0.0
    peak_rss_bytes: int | None = None
    log: str | None = None
    reused: bool = False  # passed in the run that left the bundle, and was not run here
    built_on: str = ""  # the target whose machine ran it, where the case's own only runs what others have built


class OutputComparison(msgspec.Struct, frozen=True, kw_only=True):
    """One output against its golden. Figures are computed in float64 (complex128); None where undefined.

    ``relative_atol`` is ``max_abs`` over the largest finite expected magnitude. ``unasserted`` says what would have
    failed had its check not been disabled.
    """

    output: str
    dtype: str
    shape: tuple[int, ...]
    passed: bool
    max_abs: float | None = None
    max_rel: float | None = None
    pcc: float | None = None
    mismatched: int = 0
    total: int = 0
    worst_index: tuple[int, ...] | None = None
    reason: str = ""  # why it did not pass: "shape (2,) expected (2, 1)", "3 of 60 elements differ", …
    relative_atol: float | None = None
    cosine: float | None = None
    unasserted: str = ""


class TokenComparison(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Decoded tokens of one sequence against the golden's. ``first_difference`` is a position among the tokens.

    ``sequence`` is the row of an output with several. A ``reason`` is there also where other tokens gave the same text.
    """

    output: str
    sequence: int | None = None
    passed: bool
    expected: str
    actual: str
    first_difference: int | None = None
    reason: str = ""
    unasserted: str = ""


class CastInput(msgspec.Struct, frozen=True, kw_only=True):
    """An input that the target does not take as it is. ``golden`` says whether the golden saw the cast one too."""

    input: str
    given: str
    cast: str
    golden: bool


class ErrorInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Why a case did not pass: a signature stable across machines and runs, and the lines that matter."""

    signature: str
    excerpt: str = ""


class Flags(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The flags that were really given to the tools."""

    importer: tuple[str, ...] = ()
    compiler: tuple[str, ...] = ()
    runtime: tuple[str, ...] = ()


class Rerun(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How an unexpected failure ended when it was run a second time, alone; ``exit_status`` as in a record."""

    outcome: Outcome
    exit_status: str
    error: ErrorInfo | None = None
    started: str = ""
    seconds: float = 0.0


#: What ``Together.again`` says.
AGREED, DIFFERED = "agreed", "differed"
#: The note of a case that gave other outputs in a batch, and gave others again with other bytes behind its inputs.
READS_BEHIND = "its compiled code reads memory behind its inputs: with other bytes there its outputs are others"


class Together(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A case that was compiled (on a device: run) with others, and passed, or failed as is expected.

    Or that the compiler refused by itself, in a process which it shared with other modules.

    ``again``: it was drawn to be judged alone as well, and the record is of that: ``agreed`` where it ended so again,
    ``differed`` where it did not.
    """

    modules: int  # how many were compiled in one run of the compiler, or run in one process
    again: str = ""


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One case's result. Times are ISO 8601 UTC; durations in seconds.

    ``rerun`` is the second run of an unexpected failure; all other fields are the first run's. ``flaky``: both runs
    came to a verdict, and not to the same.
    """

    case: str
    suite: str
    target: str
    model: str
    path: Path
    depth: Depth
    outcome: Outcome
    exit_status: str  # PASS, Numerics, the stage that failed, or not-run
    lowering: Lowering = Lowering.TORCH
    mode: Mode = Mode.EVAL
    reached_depth: Depth | None = None  # observed: the deepest depth whose last stage really passed
    shard: int | None = None
    attempt: int = 1
    group: str = ""
    owner: str = ""
    tags: tuple[str, ...] = ()
    expectation: Expectation | None = None
    skip_reason: SkipReason | None = None
    skip_detail: str = ""
    stages: tuple[StageResult, ...] = ()
    comparisons: tuple[OutputComparison, ...] = ()
    tokens: tuple[TokenComparison, ...] = ()
    tolerance: Tolerance | None = None
    checks: Checks | None = None  # where one is disabled
    casts: tuple[CastInput, ...] = ()
    settings: tuple[Setting, ...] = ()  # what the command line and the environment changed
    error: ErrorInfo | None = None
    notes: tuple[str, ...] = ()
    metrics: dict[str, float] = {}
    ops: OpTotals | None = None  # of a case that goes op by op
    intermediates: tuple[OutputComparison, ...] = ()  # the first values between inputs and outputs that diverge
    flags: Flags | None = None
    seed: int = 0
    started: str = ""
    seconds: float = 0.0  # wall time of the case
    reproduce: str = ""
    bundle: str = ""  # the case's bundle, relative to the shard's folder, where it was kept
    flaky: bool = False
    rerun: Rerun | None = None
    together: Together | None = None


class Tool(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One tool or library that took part: what it says of itself and, where it was hashed, its SHA-256."""

    name: str
    version: str
    build: str = ""
    sha256: str = ""


class Host(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The machine a shard ran on. ``memory`` in bytes."""

    cpu: str = ""
    features: tuple[str, ...] = ()
    cores: int = 0
    memory: int = 0
    os: str = ""


class Provenance(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What produced a shard's records."""

    tools: tuple[Tool, ...] = ()
    host: Host = Host()
    device: str = ""
    commit: str = ""
    command: tuple[str, ...] = ()
    run_id: str = ""
    attempt: int = 1
    started: str = ""
    finished: str = ""
    build: Provenance | None = None  # of the machine that had built the cases, where it was another one


class ShardHeader(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="header"):
    """First line of ``records.jsonl``: what this journal belongs to."""

    suite: str
    target: str
    shard: int | None
    matrix_digest: str
    planned: int
    attempt: int = 1
    provenance: Provenance = Provenance()


class CaseStarted(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="started"):
    """A case was begun. Without a later record it ended as CRASH, whatever the exit code said."""

    case: str
    started: str


class CaseRecord(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="record"):
    """A case ended."""

    record: Record


class CaseRerun(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="rerun"):
    """A failed case was run again: its record with both results, in place of its earlier line."""

    record: Record


class ShardFooter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="footer"):
    """Last line of a journal whose shard came to its end; its absence says that the shard was cut off."""

    provenance: Provenance = Provenance()


JournalLine = ShardHeader | CaseStarted | CaseRecord | CaseRerun | ShardFooter


class ShardResults(msgspec.Struct, frozen=True, kw_only=True):
    """``results.json`` of one shard."""

    schema: str = RESULTS_SCHEMA
    suite: str
    target: str
    shard: int | None
    matrix_digest: str
    attempt: int = 1
    provenance: Provenance
    records: tuple[Record, ...]

"""What the scheduler hands to a case's worker process, and what the worker says back, as JSON lines."""

from __future__ import annotations

from typing import Any

import msgspec

from schemas.case import Case, Source
from schemas.opwords import OpTotals
from schemas.record import CastInput, ErrorInfo, Flags, OutputComparison, Provenance, StageResult, TokenComparison
from schemas.target import EnvVar, StageTimeout, Target
from schemas.words import Stage

#: Where a toolchain comes from whose runtime Python can load as well: the installed packages.
PACKAGE = "package"


class Toolchain(msgspec.Struct, frozen=True, kw_only=True):
    """Absolute paths of the native tools that a shard uses, found once by the scheduler; empty where none is needed."""

    iree_compile: str
    iree_opt: str
    iree_run_module: str
    library: str  # libIREECompiler.so: its hash identifies the compiler build
    origin: str  # PACKAGE, "--compiler", "toolchain:"


class OpByOp(msgspec.Struct, frozen=True, kw_only=True):
    """What a case that goes op by op needs beside its job; all places are absolute."""

    journal: str  # file of its operations
    root: str  # folder that what the journal names is relative to
    bundles: str  # folder for its failing operations; empty where none are kept
    shared: str  # folder of the results that only this run's cases share
    store: str  # root of the store, where those lie that later runs share too
    reproduce: str  # the command that runs the case alone; an operation's `--op` is added
    largest: int  # bytes of values that a bundle may hold
    timeout: float  # seconds of one operation
    made: Provenance = Provenance()  # tools, device and host: what a result depends on beside the operation
    only: str = ""  # an index, a digest's beginning or a name: nothing else is run, and that anew
    joins: bool = True  # several operations may share a compilation; what does not pass there is run alone
    profile: bool = False  # also measure how long each operation takes


class Caching(msgspec.Struct, frozen=True, kw_only=True):
    """Where compiled modules are kept, and what the compiler of this run is to it. docs/store.md."""

    store: str  # root of the store
    build: str  # SHA-256 of the compiler's library
    host: str  # digest of this machine's processor
    limit: int  # bytes that the store may take; 0: nothing is kept
    force: bool = False  # compile whatever is known, and keep that instead


class Companion(msgspec.Struct, frozen=True, kw_only=True):
    """A member of a call of several: its key, the number of its arguments, its results' MLIR element types."""

    key: str
    arguments: int
    results: tuple[str, ...]


class Member(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One case of a batch. ``key`` is what its module is kept under; the rest says where that lies already."""

    case: Case
    source: str  # as in a job
    key: str = ""
    compiled: str = ""  # a module of an earlier run that holds it; where there is none, it is compiled with the others
    function: str = ""  # what its entry point is called there
    results: tuple[str, ...] = ()  # and the MLIR element types of its results
    modules: int = 1  # how many were compiled with it then
    company: tuple[Companion, ...] = ()  # all that the function is called with, in its order; none: itself alone
    drawn: bool = False  # whether it is run alone as well, when it has ended as it should


class Batch(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Cases that differ in nothing but their models, to be run in one process. docs/engine.md."""

    members: tuple[Member, ...]
    store: str = ""  # folder where what is compiled is kept; empty: nowhere
    jobs: str = ""  # a file with the job of each member, where they go on from bundles


class Trial(msgspec.Struct, frozen=True):
    """Where a device's driver compiles without the device: what it needs for that, and where it keeps its code."""

    environment: tuple[EnvVar, ...]  # stronger than the case's
    folder: str  # instead of the store's


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One case, where its source lies on this machine, and how it is to be run."""

    case: Case
    target: Target
    toolchain: Toolchain
    source: str  # local file or folder, made or downloaded before the clock started
    folder: str  # the case's own working folder; exists and is empty
    logs: str  # folder for <stage>.log files; exists
    stages: tuple[Stage, ...]  # the stages to run, in order
    load_inputs: bool = False  # take inputs from the source's stored data instead of making them
    keep: bool = False  # leave every stage's results in the folder, for a bundle
    bundle: str = ""  # folder of a bundle, read-only: what the stages of `reused` left is taken from it
    reused: tuple[StageResult, ...] = ()
    ops: OpByOp | None = None  # where the case goes op by op
    deadline: float = 0.0  # seconds that the scheduler grants the case; 0: the case's own
    stage_deadlines: tuple[StageTimeout, ...] = ()  # likewise of its stages
    aside: bool = False  # make the golden of a larger model while the compiler runs
    anew: bool = False  # use no code that the device's driver has kept
    trial: Trial | None = None  # where nothing but the code is wanted that the device's driver makes
    caching: Caching | None = None  # where compiled modules come from and go to
    places: dict[str, str] = {}  # of an imported suite's case: where each place of its definition lies here
    batch: Batch | None = None  # instead of the case alone, which is then the first of these


class Prepared(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line of ``python -m runner.prepare``: where a source lies on this machine, or why it does not (one of both)."""

    source: Source
    path: str = ""
    error: str = ""


class StageStarted(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="stage-started"):
    """A stage begins; its deadline runs from here."""

    stage: Stage


class StageEnded(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="event", tag="stage-ended"):
    """A stage ended by itself."""

    result: StageResult
    error: ErrorInfo | None = None


class Finished(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="event", tag="finished"):
    """The worker's last word. A worker that exits without it has crashed, whatever its exit code."""

    comparisons: tuple[OutputComparison, ...] = ()
    tokens: tuple[TokenComparison, ...] = ()
    casts: tuple[CastInput, ...] = ()
    metrics: dict[str, float] = {}
    ops: OpTotals | None = None
    intermediates: tuple[OutputComparison, ...] = ()
    flags: Flags = Flags()
    notes: tuple[str, ...] = ()


class Passed(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="passed"):
    """A member of a batch passed; what a process of its own would have said."""

    member: int
    modules: int  # how many members' modules were compiled together
    stages: tuple[StageResult, ...]
    last_word: Finished


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="failed"):
    """A member failed as is expected of it, or was refused by itself; what its own process would have said.

    The last of its stages is the one that failed, with ``error``. ``modules``: so many members' modules were compiled
    or refused in one run of the compiler; 0 where its own was alone there.
    """

    member: int
    modules: int = 0
    stages: tuple[StageResult, ...]
    error: ErrorInfo
    last_word: Finished


class Left(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="left"):
    """A member of a batch did not end as it should, for whatever reason: it has to be judged alone.

    ``passing``: that may have been another member's doing, or this machine's. ``note`` is what its record shall say.
    """

    member: int
    why: str
    passing: bool = False
    note: str = ""


Event = StageStarted | StageEnded | Finished | Passed | Failed | Left


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How a worker process ended, as the scheduler saw it."""

    exit_code: int | None = None  # None when it was ended by a signal
    signal: int | None = None
    reason: str = ""  # "", "stage-deadline", "case-deadline", "memory-limit", "kernel-oom", "bad-events", "zygote-lost"
    detail: str = ""
    peak_rss_bytes: int | None = None
    seconds: float = 0.0
    stage_seconds: float = 0.0  # since the last StageStarted; 0 when no stage was running


def decode_event(line: bytes) -> Event:
    """One line from a worker; raises ``msgspec.DecodeError`` when the worker wrote something else."""
    value: Any = msgspec.json.decode(line, type=Event)
    return value  # type: ignore[no-any-return]


def stage_log(case: Case, stage: Stage) -> str:
    """Where a stage's log lies, relative to the shard's folder."""
    return f"logs/{case.key}/{stage}.log"

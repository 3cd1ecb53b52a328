"""What the reports show of operations: places, cases and groups of operations as plain values."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from schemas.ops import OpResult
from schemas.opwords import OpStatus
from schemas.words import Depth, Outcome

RUNGS = len(OpStatus)


class Standing(StrEnum):
    """How far all operations of a case came."""

    NOT_COMPILED = "doesn't compile"
    COMPILED = "compiles, doesn't execute"
    EXECUTED = "runs on device"
    VERIFIED = "verified"


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """Uses of operations in numbers; ``by_status`` counts by rung, a use without a result as 0."""

    uses: int
    unique: int
    by_status: tuple[int, ...]
    verified: int
    compared: int
    failed: int  # uses that did not come to their end, have wrong outputs, or have no result
    timeouts: int
    crashes: int
    unknown_errors: int
    no_result: int

    @property
    def compiled(self) -> int:
        """Uses that were compiled."""
        return sum(self.by_status[OpStatus.COMPILED :])

    @property
    def executed(self) -> int:
        """Uses that ran."""
        return self.by_status[OpStatus.EXECUTED]


class CaseInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What the report knows of a case that goes op by op. ``outcome`` is None where there is no record."""

    case: str
    suite: str
    target: str
    model: str
    path: str = ""
    group: str = ""
    depth: Depth | None = None
    outcome: Outcome | None = None
    exit_status: str = ""
    signature: str = ""


class CaseOps(msgspec.Struct, frozen=True, kw_only=True):
    """All operations of a case. ``in_flight``: begun, without a result, when the case's process died."""

    info: CaseInfo
    backend: str
    counts: Counts
    skipped: int
    reused: int
    in_flight: int

    @property
    def standing(self) -> Standing:
        """By the operation that came least far; a case without operations came nowhere."""
        counts = self.counts
        if not counts.uses or counts.compiled < counts.uses:
            return Standing.NOT_COMPILED
        if counts.executed < counts.uses:
            return Standing.COMPILED
        return Standing.VERIFIED if counts.verified == counts.uses else Standing.EXECUTED


class OpRow(msgspec.Struct, frozen=True, kw_only=True):
    """One place of a model, and the result of the operation there; None where it is skipped or nobody has one."""

    case: str
    target: str
    model: str
    group: str
    backend: str
    index: int
    name: str
    digest: str
    node: str
    graph: int
    skip: str
    why: str  # why it is skipped, or has no result
    result: OpResult | None
    number: int | None  # of the result: what `Ops.found` is asked for
    bundle: str  # the kept program, with the shard's folder that it is in
    reproduce: str

    @property
    def status(self) -> OpStatus | None:
        """None where the place is skipped."""
        if self.skip:
            return None
        return OpStatus.NOT_STARTED if self.result is None else self.result.status

    @property
    def failed(self) -> bool:
        """As `Counts.failed` counts it."""
        result = self.result
        return not self.skip and (result is None or result.outcome != "PASS" or result.verified is False)


class OpGroup(msgspec.Struct, frozen=True, kw_only=True):
    """All uses of one operation, or of one framework operation, on one target."""

    target: str
    backend: str
    name: str
    digest: str = ""  # empty: of all operations with this name
    counts: Counts
    models: int
    example: OpResult | None = None


class Blocking(msgspec.Struct, frozen=True, kw_only=True):
    """What keeps models from passing: an operation by its name, or a way to fail.

    ``models`` cannot pass because of it, ``frees`` of them because of it alone. Of several ways in which an operation
    fails the most frequent one is told.
    """

    target: str
    backend: str
    name: str  # empty: of all operations that fail in this way
    stopped: str
    outcome: str
    signature: str
    ways: int
    models: int
    frees: int
    uses: int
    unique: int
    lowest: int  # the lowest rung
    named: tuple[str, ...]  # the first of the models
    operations: tuple[str, ...]  # the first of the operations' names, the most frequent first

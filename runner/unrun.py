"""A case that is not started becomes its record: skipped by its manifest, or prevented by the world."""

from __future__ import annotations

from typing import TypedDict, Unpack

import msgspec

from runner.blank import record_of
from schemas.case import Case, Skip
from schemas.record import ErrorInfo, Record, StageResult
from schemas.words import EXIT_NOT_RUN, Outcome, Stage, StageStatus


class Common(TypedDict):
    """What every record of a run has, whatever became of its case."""

    shard: int | None
    attempt: int
    started: str  # ISO 8601 UTC
    reproduce: str


def skipped(case: Case, skip: Skip, **common: Unpack[Common]) -> Record:
    """The record of a case that the suites say not to run, and why; nothing is expected of it."""
    return msgspec.structs.replace(
        record_of(case, Outcome.SKIP, EXIT_NOT_RUN),
        expectation=None,
        skip_reason=skip.reason,
        skip_detail=skip.detail,
        **common,
    )


def prevented(case: Case, signature: str, why: str, **common: Unpack[Common]) -> Record:
    """The record of a case that could not be started (no model, no room): the world's failure, not the model's."""
    return msgspec.structs.replace(
        record_of(case, Outcome.INFRA, str(Stage.SETUP)),
        stages=(StageResult(stage=Stage.SETUP, status=StageStatus.INFRA),),
        error=ErrorInfo(signature=signature, excerpt=why),
        **common,
    )

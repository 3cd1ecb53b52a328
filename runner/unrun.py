"""A case that is not started becomes its record: skipped by its manifest, or prevented by the world."""

from __future__ import annotations

from typing import TypedDict, Unpack

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
    """The record of a case that the suites say not to run, and why."""
    return Record(
        case=case.id,
        suite=case.suite,
        target=case.target,
        model=case.model,
        path=case.path,
        depth=case.depth,
        lowering=case.lowering,
        mode=case.mode,
        outcome=Outcome.SKIP,
        exit_status=EXIT_NOT_RUN,
        group=case.group,
        owner=case.owner,
        tags=case.tags,
        skip_reason=skip.reason,
        skip_detail=skip.detail,
        settings=case.settings,
        seed=case.seed,
        **common,
    )


def prevented(case: Case, signature: str, why: str, **common: Unpack[Common]) -> Record:
    """The record of a case that could not be started (no model, no room): the world's failure, not the model's."""
    return Record(
        case=case.id,
        suite=case.suite,
        target=case.target,
        model=case.model,
        path=case.path,
        depth=case.depth,
        lowering=case.lowering,
        mode=case.mode,
        outcome=Outcome.INFRA,
        exit_status=str(Stage.SETUP),
        group=case.group,
        owner=case.owner,
        tags=case.tags,
        expectation=case.expectation,
        stages=(StageResult(stage=Stage.SETUP, status=StageStatus.INFRA),),
        error=ErrorInfo(signature=signature, excerpt=why),
        settings=case.settings,
        seed=case.seed,
        **common,
    )

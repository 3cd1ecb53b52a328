"""A member that is expected to fail becomes its failure: run as alone, but in a process with others."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from runner.protocol import Event, Failed, Finished, Left, StageStarted
from runner.stages.execute import run_stage
from runner.stages.steps import STEPS
from schemas.record import ErrorInfo, Flags, StageResult
from schemas.words import StageStatus

if TYPE_CHECKING:
    from runner.fast.worker import One


def run_expected(one: One, emit: Callable[[Event], None]) -> Failed | None:
    """Run the stages until one fails, each with its log where the case's own process would write it.

    The compiler and the runtime are processes of their own, for this member alone. None where it came to its end: that
    is not what is expected, and is judged elsewhere.
    """
    logs = pathlib.Path(one.work.job.logs).parent / one.member.case.key
    logs.mkdir(parents=True, exist_ok=True)
    one.work.folder.mkdir()
    one.work.job = msgspec.structs.replace(one.work.job, logs=str(logs))
    ended: list[StageResult] = []
    for stage in one.stages:
        emit(StageStarted(stage=stage))
        result, error = run_stage(one.work, stage, STEPS[stage])
        ended.append(result)
        if result.status is not StageStatus.PASS:
            failed = _failed(one, tuple(ended), error or ErrorInfo(signature=f"{stage} failed without a word"))
            emit(failed)
            return failed
    emit(Left(member=one.number, why="it does not fail as is expected"))
    return None


def _failed(one: One, stages: tuple[StageResult, ...], error: ErrorInfo) -> Failed:
    work = one.work
    last_word = Finished(
        comparisons=work.comparisons,
        casts=work.casts,
        metrics=work.metrics,
        flags=Flags(importer=work.importer_flags, compiler=work.compiler_flags, runtime=work.runtime_flags),
        notes=tuple(dict.fromkeys((*work.frontend.notes(), *work.notes))),
    )
    return Failed(member=one.number, stages=stages, error=error, last_word=last_word)

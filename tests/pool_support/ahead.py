"""A worker that loads nothing but says that it did, and runs no case: it says how large its job is."""

from __future__ import annotations

import sys
from collections.abc import Callable

from runner.protocol import Event, Finished, Job, StageEnded
from schemas.record import ErrorInfo, StageResult
from schemas.words import Stage, StageStatus


def preload() -> None:
    """Say so where the zygote says all that it has to say."""
    print("loaded", file=sys.stderr)


def run(job: Job, emit: Callable[[Event], None]) -> None:
    """The number of the job's compile flags as the signature of a failed stage, and the last word."""
    result = StageResult(stage=Stage.SETUP, status=StageStatus.FAIL)
    emit(StageEnded(result=result, error=ErrorInfo(signature=str(len(job.case.compile_flags)))))
    emit(Finished())

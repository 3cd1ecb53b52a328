"""One job becomes a stream of events: its stages as they begin and end, up to the first failure, and a last word."""

from __future__ import annotations

import faulthandler
import os
import pathlib
from collections.abc import Callable

from runner.backends.drivers import keep_code
from runner.lastword import last_word
from runner.protocol import Event, Job, StageEnded, StageStarted
from schemas.words import Stage, StageStatus

#: Set before NumPy is loaded: its linear algebra would start a thread pool, and a forked process inherits no threads.
_SINGLE_THREADED = "OPENBLAS_NUM_THREADS"


def preload() -> None:
    """Import what cases need into the process that they are forked from; starts no thread."""
    preload_steps()
    from runner.frontends import onnx, onnx_importer  # noqa: F401, PLC0415 - loaded for the cases to come

    onnx_importer.warm_up()
    from runner.fast import run, session, worker  # noqa: F401, PLC0415 - likewise, for batches


def preload_steps() -> None:
    """The part of it that needs neither onnx nor a compiler."""
    os.environ[_SINGLE_THREADED] = "1"
    from runner.bundle import steps  # noqa: F401, PLC0415 - loaded for the cases to come
    from runner.stages import aside, execute  # noqa: F401, PLC0415


def run(job: Job, emit: Callable[[Event], None]) -> None:
    """Run the job's stages in this process, which belongs to the case alone.

    Stops after the first stage that does not pass. What the model or the world does ends as events; only a mistake of
    ours raises.
    """
    from runner.bundle.steps import Steps  # noqa: PLC0415 - numpy, and for most cases onnx: only here and in the zygote
    from runner.stages.aside import begun_aside  # noqa: PLC0415
    from runner.stages.execute import run_stage  # noqa: PLC0415

    keep_code(job, os.environ)
    if job.batch is not None and job.batch.jobs:
        from runner.fast.resumed import run_resumed  # noqa: PLC0415 - likewise

        run_resumed(pathlib.Path(job.batch.jobs), pathlib.Path(job.logs) / "case.log", emit)
        return
    if job.batch is not None:
        from runner.fast.worker import run_batch  # noqa: PLC0415 - most shards have none

        run_batch(job, job.batch, emit)
        return
    faulthandler.enable()  # a crash inside this process leaves its Python stack in the stage's log
    steps = Steps(job)
    work = steps.work
    reused = {each.stage: each for each in job.reused}
    for stage in Stage:
        if stage in reused:
            steps.restore(stage)
            emit(StageEnded(result=reused[stage]))
        if stage not in job.stages:
            continue
        if stage is Stage.COMPILATION:
            work.aside = begun_aside(work)
        emit(StageStarted(stage=stage))
        result, error = run_stage(work, stage, steps.of(stage))
        emit(StageEnded(result=result, error=error))
        if result.status is not StageStatus.PASS:
            break
    for each in (work.session, work.aside):
        if each is not None:
            each.close()
    emit(last_word(work, steps.notes()))

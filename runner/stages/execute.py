"""One step of one case becomes a stage result: timed, logged, with its peak memory and its error."""

from __future__ import annotations

import contextlib
import os
import pathlib
import sys
import time
import traceback
from collections.abc import Callable, Iterator

from runner.failures import StageFailure, classify
from runner.memory import high_water_bytes
from runner.protocol import stage_log
from runner.work import Work
from schemas.record import ErrorInfo, StageResult
from schemas.words import Stage, StageStatus

_RESET_HIGH_WATER = "5"  # proc(5), /proc/pid/clear_refs


def run_stage(work: Work, stage: Stage, step: Callable[[Work], None]) -> tuple[StageResult, ErrorInfo | None]:
    """Run ``step`` with both output streams in ``<stage>.log``; never raises for what the model or the world did.

    ``StageResult.log`` is None when nothing was said.
    """
    work.log = pathlib.Path(work.job.logs) / f"{stage}.log"
    work.peak_rss_bytes = None
    work.stage_begun = time.monotonic()
    _reset_high_water()
    begun = time.perf_counter()
    status, error = StageStatus.PASS, None
    try:
        with output_into(work.log):
            status, error = _attempt(work, step)
    except OSError as failure:  # the log itself could not be written
        status, error = classify(failure)
    seconds = time.perf_counter() - begun
    peak = work.peak_rss_bytes or high_water_bytes(os.getpid())
    result = StageResult(stage=stage, status=status, seconds=seconds, peak_rss_bytes=peak, log=_kept(work, stage))
    return result, error


def _attempt(work: Work, step: Callable[[Work], None]) -> tuple[StageStatus, ErrorInfo | None]:
    try:
        step(work)
    except StageFailure as failure:
        return failure.status, failure.error
    except Exception as failure:  # noqa: BLE001 - whatever a model makes our tools raise is this stage's result
        traceback.print_exc()
        return classify(failure)
    return StageStatus.PASS, None


@contextlib.contextmanager
def output_into(log: pathlib.Path) -> Iterator[None]:
    """Send this process's stdout and stderr, native code's included, into a file for a while."""
    saved = os.dup(1), os.dup(2)
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.dup2(file, 1)
        os.dup2(file, 2)
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        for number, original in zip((1, 2), saved, strict=True):
            os.dup2(original, number)
            os.close(original)
        os.close(file)


def _reset_high_water() -> None:
    with contextlib.suppress(OSError):  # some containers forbid it: the figure is then the case's so far
        pathlib.Path("/proc/self/clear_refs").write_text(_RESET_HIGH_WATER)


def _kept(work: Work, stage: Stage) -> str | None:
    """The log's name, or None after removing an empty one: thousands of empty files help nobody."""
    with contextlib.suppress(OSError):
        if work.log.stat().st_size == 0:
            work.log.unlink()
            return None
        return stage_log(work.job.case, stage)
    return None

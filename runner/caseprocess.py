"""A start request becomes one case's run in this freshly forked process, which then exits: it never returns."""

from __future__ import annotations

import errno
import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import NoReturn

import msgspec

from e2eshard.ending import die_with_parent
from runner.memory import limit_this_process
from runner.protocol import Event, Failed, Finished, Job, Passed, StageEnded, StageStarted
from runner.wire import Start
from schemas.record import ErrorInfo, StageResult
from schemas.words import Stage, StageStatus

Worker = Callable[[Job, Callable[[Event], None]], None]

_EXIT_BUG = 70
_HELD = 8  # ended members of a batch that are told at once; a crash takes those before with it, to be run alone
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


class _Emitter:
    """Writes events into the pipe, and remembers which stage is running and whether the last word was said.

    Members of a batch that ended one after another are told together, so that the reader is not woken for each: before
    the next event of another kind, and thus before any module is compiled or called, and when there are eight.
    """

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        self._held: list[bytes] = []
        self.stage = Stage.SETUP
        self.finished = False

    def __call__(self, event: Event) -> None:
        if isinstance(event, StageStarted):
            self.stage = event.stage
        self.finished = self.finished or isinstance(event, Finished)
        self._held.append(msgspec.json.encode(event) + b"\n")
        if not isinstance(event, Passed | Failed) or len(self._held) >= _HELD:
            self.flush()

    def flush(self) -> None:
        """Write what is held back."""
        rest = memoryview(b"".join(self._held))
        self._held = []
        while rest:
            rest = rest[os.write(self._pipe, rest) :]

    def end_running_stage(self, status: StageStatus, signature: str, error: BaseException) -> None:
        """The running stage could not end by itself; say so in its place, unless the case had ended already."""
        if self.finished:
            return
        result = StageResult(stage=self.stage, status=status)
        self(StageEnded(result=result, error=ErrorInfo(signature=signature, excerpt=str(error))))
        self(Finished())


def run_case(worker: Worker, start: Start, pipe: int, job: int, parent: int) -> NoReturn:
    """Become the leader of a session of its own, run the case, and exit without any clean-up of the zygote's."""
    code = _EXIT_BUG
    try:
        os.setsid()
        die_with_parent(parent)
        code = _run(worker, start, pipe, job)
    except BaseException:  # noqa: BLE001 - this process is the case: whatever escapes goes to its log, and it ends
        traceback.print_exc()
    finally:
        _flush()
        os._exit(code)


def _run(worker: Worker, start: Start, pipe: int, file: int) -> int:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    _redirect(start.log)
    with os.fdopen(file, "rb") as told:
        job = msgspec.json.decode(told.read(), type=Job)
    limit_this_process(job.case.memory_limit)
    trial = job.trial.environment if job.trial is not None else ()
    os.environ.update({each.name: each.value for each in (*job.target.environment, *job.case.environment, *trial)})
    emit = _Emitter(pipe)
    try:
        worker(job, emit)
    except MemoryError as error:
        emit.end_running_stage(StageStatus.OOM, "out of memory: an allocation failed in the case's process", error)
    except OSError as error:
        if error.errno not in _DISK_FULL:
            raise
        emit.end_running_stage(StageStatus.INFRA, "no space left on device", error)
    finally:
        emit.flush()
    return 0


def _redirect(log: str) -> None:
    """Stdin from nowhere; both outputs to the case's log, or nowhere when the log cannot be written (a full disk)."""
    null = os.open(os.devnull, os.O_RDWR)
    try:
        out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    except OSError:
        out = null
    os.dup2(null, 0)
    os.dup2(out, 1)
    os.dup2(out, 2)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):  # a full disk, or a stream that the worker closed
            continue

"""The golden of a larger ONNX model, made by a fork of the case's process while the compiler runs.

It is taken only if the fork made it of the very inputs that the stages come to. Whatever else becomes of the fork, the
stage does its work as ever: the verdict is that of a case without one.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import pickle
import select
import signal
import sys
import tempfile
import time
import traceback
from typing import IO, NoReturn

import numpy as np

from e2eshard.ending import die_with_parent
from runner.memory import SPARE, name_this_process
from runner.tensors import Array
from runner.work import SECONDS, Golden, Predictable, Work
from schemas.words import Depth, Path, Stage

#: Bytes of a model and its weights. Below, there is nothing to gain; above this part of the case's memory, ONNX Runtime
#: (two to four times the model) would hardly have room beside the compiler.
SMALLEST, PART = 1 << 20, 16
#: A fork that has used no processor time for so many seconds is given up.
_PATIENCE = 10.0
_LOOK = 0.5  # seconds between two looks at it


def begun_aside(work: Work) -> Aside | None:
    """The fork of a case that is worth one; None where it is not, or where there can be none."""
    try:
        return Aside(work) if _is_worth_it(work) else None
    except (OSError, MemoryError):
        return None


def _is_worth_it(work: Work) -> bool:
    """Whether the stages are all to run here, and there is a processor and memory for both."""
    job = work.job
    stages = {Stage.COMPILATION, Stage.CONSTRUCT_INPUTS, Stage.NATIVE_INFERENCE}
    if not job.aside or job.case.path is not Path.ONNX or job.case.depth is not Depth.EXECUTE or job.case.is_timed:
        return False
    if not stages.issubset(job.stages) or sys.platform != "linux" or len(os.sched_getaffinity(0)) == 1:
        return False
    model = work.frontend.predictable_model() if isinstance(work.frontend, Predictable) else None
    if model is None:
        return False
    from runner.frontends.onnx_data import external_files  # noqa: PLC0415 - onnx, which such a frontend has loaded

    most = job.case.memory_limit // PART
    try:
        if model.stat().st_size > most:
            return False
        size = sum(each.stat().st_size for each in (model, *external_files(model)))
    except OSError:
        return False
    return SMALLEST <= size <= most


class Aside:
    """A fork that makes the golden; files without a name take what it made and said, so that nothing is ever left."""

    def __init__(self, work: Work) -> None:
        """Fork; raises OSError. The child never returns from here."""
        with contextlib.ExitStack() as files:
            self._made = files.enter_context(tempfile.TemporaryFile(dir=work.folder))
            self._said = files.enter_context(tempfile.TemporaryFile(dir=work.folder))
            parent = os.getpid()
            self._pid = os.fork()
            if self._pid == 0:
                _make(work, self._made, self._said, parent)
            self._files = files.pop_all()
        self._peak = 0
        self._handle = -1
        try:
            self._handle = os.pidfd_open(self._pid)
        except OSError:
            self.close()
            raise

    def golden(self, work: Work, inputs: tuple[Array, ...]) -> tuple[Golden, ...] | None:
        """What it made of these inputs; None where it made nothing, or not of them."""
        if not self._pid:
            return None
        self._wait()
        try:
            self._made.seek(0)
            used, golden, seconds = pickle.load(self._made)  # noqa: S301 - our own fork wrote it
        except Exception:  # noqa: BLE001 - it was not written, or not to its end: the stage makes it
            return None
        if not _same(used, inputs) or not isinstance(work.frontend, Predictable):
            return None
        work.frontend.adopt()
        self._said.seek(0)
        sys.stdout.flush()
        os.write(1, self._said.read())
        work.peak_rss_bytes = self._peak
        work.metrics[SECONDS] = seconds
        return tuple(Golden(*each) for each in golden)

    def close(self) -> None:
        """End it, if it has not been waited for."""
        if self._pid:
            self._reap(kill=True)
        self._files.close()

    def _wait(self) -> None:
        """Until it has ended; it is ended where it has come to a standstill."""
        poll = select.poll()
        poll.register(self._handle, select.POLLIN)
        busy, since = -1.0, time.monotonic()
        while not poll.poll(_LOOK * 1000):
            used = _processor_seconds(self._pid)
            if used > busy:
                busy, since = used, time.monotonic()
            elif time.monotonic() - since > _PATIENCE:
                self._reap(kill=True)
                return
        self._reap(kill=False)

    def _reap(self, *, kill: bool) -> None:
        if kill:
            os.kill(self._pid, signal.SIGKILL)  # it is ours and not reaped: no other process has this id
        _, _, usage = os.wait4(self._pid, 0)
        if self._handle >= 0:
            os.close(self._handle)
        self._pid, self._peak = 0, usage.ru_maxrss * 1024


def _make(work: Work, made: IO[bytes], said: IO[bytes], parent: int) -> NoReturn:
    code = 1
    try:
        die_with_parent(parent)
        name_this_process(SPARE)
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
        with contextlib.suppress(OSError):  # where memory is short, this goes before the compiler
            pathlib.Path("/proc/self/oom_score_adj").write_text("1000")
        inputs = work.frontend.construct_inputs()
        begun = time.perf_counter()
        golden = work.frontend.native_inference(tuple(np.array(each) for each in inputs))
        seconds = time.perf_counter() - begun
        sys.stdout.flush()
        pickle.dump((inputs, [(each.name, each.value) for each in golden], seconds), made, protocol=5)
        made.flush()
        code = 0
    except BaseException:  # noqa: BLE001 - the stage will meet with it too, and tell
        traceback.print_exc()
    finally:
        os._exit(code)


def _processor_seconds(pid: int) -> float:
    """What a process has used so far, all its threads; 0 when it is gone."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")  # utime and stime, proc(5)


def _same(one: tuple[Array, ...], other: tuple[Array, ...]) -> bool:
    """Whether both are the same types, shapes and bits."""
    return len(one) == len(other) and all(
        (a.dtype, a.shape) == (b.dtype, b.shape) and a.tobytes() == b.tobytes() for a, b in zip(one, other, strict=True)
    )

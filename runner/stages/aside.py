"""The golden of a larger ONNX model, made by a fork of the case's process while the compiler runs.

It is taken only if the fork made it of the very inputs that the stages come to. Whatever else becomes of the fork, the
stage does its work as ever: the verdict is that of a case without one.
"""

from __future__ import annotations

import os
import pathlib
import pickle
import select
import signal
import sys
import time
import traceback
from typing import NoReturn

import numpy as np

from runner.process import die_with_parent
from runner.tensors import Array
from runner.work import Golden, Predictable, Work
from schemas.words import Depth, Path, Stage

#: Bytes of a model and its weights. Below, there is nothing to gain; above this part of the case's memory, ONNX Runtime
#: (two to four times the model) could take what the compiler needs.
SMALLEST, PART = 1 << 20, 16
#: How long a golden is waited for: many times what has gone since the fork, but so many seconds at least.
_TIMES, _PATIENCE = 2.0, 10.0
#: In the record's metrics: what the fork took, while the stage itself only waited for it.
SECONDS = "golden_seconds"
_FILE, _LOG = "golden.pickle", "golden.log"


def begun_aside(work: Work) -> Aside | None:
    """The fork of a case that is worth one; None where it is not, or where there can be none."""
    try:
        return Aside(work) if _is_worth_it(work) else None
    except OSError:
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

    try:
        size = sum(each.stat().st_size for each in (model, *external_files(model)))
    except OSError:
        return False
    return SMALLEST <= size <= job.case.memory_limit // PART


class Aside:
    """A fork that makes the golden; a file in the case's folder takes what it made."""

    def __init__(self, work: Work) -> None:
        """Fork; raises OSError. The child never returns from here."""
        self._file, self._log = work.folder / _FILE, work.folder / _LOG
        self._begun = time.monotonic()
        parent = os.getpid()
        self._pid = os.fork()
        if self._pid == 0:
            _make(work, self._file, self._log, parent)
        self._handle = os.pidfd_open(self._pid)

    def golden(self, work: Work, inputs: tuple[Array, ...]) -> tuple[Golden, ...] | None:
        """What it made of these inputs; None where it made nothing, not of them, or not in time."""
        patience = max(_PATIENCE, _TIMES * (time.monotonic() - self._begun))
        ended, _, _ = select.select([self._handle], [], [], patience)
        peak = self._reap(kill=not ended)
        try:
            used, golden, seconds = pickle.loads(self._file.read_bytes())  # noqa: S301 - our own fork wrote it
        except Exception:  # noqa: BLE001 - it was not written, or not to its end: the stage makes it
            return None
        finally:
            self._file.unlink(missing_ok=True)
        if not _same(used, inputs):
            return None
        sys.stdout.write(self._log.read_text(errors="replace"))
        work.peak_rss_bytes = peak
        work.metrics[SECONDS] = seconds
        return tuple(Golden(*each) for each in golden)

    def close(self) -> None:
        """End it, if it has not been waited for."""
        if self._pid:
            self._reap(kill=True)
        for each in (self._file, self._log):
            each.unlink(missing_ok=True)

    def _reap(self, *, kill: bool) -> int:
        if kill:
            os.kill(self._pid, signal.SIGKILL)  # it is ours and not reaped: no other process has this id
        _, _, usage = os.wait4(self._pid, 0)
        os.close(self._handle)
        self._pid = 0
        return usage.ru_maxrss * 1024


def _make(work: Work, file: pathlib.Path, log: pathlib.Path, parent: int) -> NoReturn:
    code = 1
    try:
        die_with_parent(parent)
        said = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(said, 1)
        os.dup2(said, 2)
        inputs = work.frontend.construct_inputs()
        begun = time.perf_counter()
        golden = work.frontend.native_inference(tuple(np.array(each) for each in inputs))
        seconds = time.perf_counter() - begun
        sys.stdout.flush()
        file.write_bytes(pickle.dumps((inputs, [(each.name, each.value) for each in golden], seconds), protocol=5))
        code = 0
    except BaseException:  # noqa: BLE001 - the stage will meet with it too, and tell
        traceback.print_exc()
    finally:
        os._exit(code)


def _same(one: tuple[Array, ...], other: tuple[Array, ...]) -> bool:
    """Whether both are the same types, shapes and bits."""
    return len(one) == len(other) and all(
        (a.dtype, a.shape) == (b.dtype, b.shape) and a.tobytes() == b.tobytes() for a, b in zip(one, other, strict=True)
    )

"""Workers with faults, run in place of the real one: what a case does is told by the last part of its model's name."""

# ruff: noqa: ARG001 - all faults have one signature

from __future__ import annotations

import errno
import mmap
import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import msgspec

from runner.protocol import Event, Finished, Job, StageEnded, StageStarted
from schemas.record import OutputComparison, StageResult
from schemas.words import Stage, StageStatus

LAST_WORD = Finished(
    comparisons=(OutputComparison(output="y", dtype="float32", shape=(2,), passed=True, max_abs=0.0, total=2),)
)
Emit = Callable[[Event], None]
MARKER = "E2ESHARD_TEST_MARKER"


def run(job: Job, emit: Emit) -> None:
    fault = job.case.model.rsplit("/", 1)[-1].partition("-")[0]
    good(job, emit, Stage.IMPORT_MODEL)
    (pathlib.Path(job.folder) / "module.mlir").write_text("module {}")
    emit(StageStarted(stage=Stage.COMPILATION))
    FAULTS[fault](job, emit)
    emit(StageEnded(result=StageResult(stage=Stage.COMPILATION, status=StageStatus.PASS)))
    for stage in (Stage.COMPILED_INFERENCE, Stage.COMPARISON):
        good(job, emit, stage)
    emit(LAST_WORD)


def good(job: Job, emit: Emit, stage: Stage) -> None:
    del job
    emit(StageStarted(stage=stage))
    emit(StageEnded(result=StageResult(stage=stage, status=StageStatus.PASS, seconds=0.001)))


def passes(job: Job, emit: Emit) -> None:
    pass


def naps(job: Job, emit: Emit) -> None:
    time.sleep(0.05)


def hang(job: Job, emit: Emit) -> None:
    time.sleep(3600)


def ignore_sigterm(job: Job, emit: Emit) -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    subprocess.run(["sleep", "3600"], check=False)
    hang(job, emit)


def segfault(job: Job, emit: Emit) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def killed(job: Job, emit: Emit) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def eat(job: Job, emit: Emit) -> None:
    hoard = []
    while True:
        piece = mmap.mmap(-1, 4 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        piece.write(b"x" * (4 << 20))
        hoard.append(piece)
        time.sleep(0.001)


def gulp(job: Job, emit: Emit) -> None:
    bytearray(1 << 45)


def eat_together(job: Job, emit: Emit) -> None:
    code = "x = bytearray(90 << 20)\nfor i in range(0, len(x), 4096): x[i] = 1\nimport time; time.sleep(60)"
    children = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(3)]
    for child in children:
        child.wait()


def exit0(job: Job, emit: Emit) -> None:
    os._exit(0)


def exit3(job: Job, emit: Emit) -> None:
    print("about to leave")
    sys.stdout.flush()
    os._exit(3)


def raises(job: Job, emit: Emit) -> None:
    raise RuntimeError("a bug of ours")


def full_disk(job: Job, emit: Emit) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), f"{job.folder}/module.vmfb")


def garbage(job: Job, emit: Emit) -> None:
    os.write(_pipe(), os.urandom(4096) + b"\n")
    time.sleep(3600)


def flood(job: Job, emit: Emit) -> None:
    pipe = _pipe()
    while True:
        os.write(pipe, b"x" * 65536)


def lines(job: Job, emit: Emit) -> None:
    pipe, line = _pipe(), msgspec.json.encode(StageStarted(stage=Stage.COMPILATION)) + b"\n"
    while True:
        os.write(pipe, line * 1000)


def half(job: Job, emit: Emit) -> None:
    os.write(_pipe(), b'{"event":"finished"')
    os._exit(0)


def orphan(job: Job, emit: Emit) -> None:
    subprocess.Popen(["sleep", "3600"])


def daemon(job: Job, emit: Emit) -> None:
    code = (
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0: time.sleep(3600)\n    os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def bomb(job: Job, emit: Emit) -> None:
    for _ in range(3):
        os.fork()
    time.sleep(3600)


def lingers(job: Job, emit: Emit) -> None:
    emit(StageEnded(result=StageResult(stage=Stage.COMPILATION, status=StageStatus.PASS)))
    good(job, emit, Stage.COMPARISON)
    emit(LAST_WORD)
    time.sleep(3600)


def closes(job: Job, emit: Emit) -> None:
    os.close(_pipe())
    time.sleep(3600)


def noisy(job: Job, emit: Emit) -> None:
    print("n" * 100_000)


def kill_zygote(job: Job, emit: Emit) -> None:
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(3600)


def _pipe() -> int:
    """The event pipe is the only pipe that this process holds for writing."""
    for entry in pathlib.Path("/proc/self/fd").iterdir():
        try:
            if str(entry.readlink()).startswith("pipe:") and int(entry.name) > 2:
                return int(entry.name)
        except OSError:
            continue
    raise AssertionError


FAULTS: dict[str, Callable[[Job, Emit], None]] = {
    each.__name__: each
    for each in (
        passes, naps, hang, ignore_sigterm, segfault, killed, eat, gulp, eat_together, exit0, exit3, raises, full_disk,
        garbage, flood, lines, half, orphan, daemon, bomb, lingers, closes, noisy, kill_zygote,
    )
}  # fmt: skip

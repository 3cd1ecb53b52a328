"""The real worker over stages that go wrong: a model is called ``<fault>-<stage>[-<number>]``, and fails so there.

What a fault must remember between two runs of a case lies in the folder that ``E2ESHARD_TEST_STATE`` names.
"""

# ruff: noqa: ARG001 - all faults have one signature

from __future__ import annotations

import mmap
import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import cast

from runner import frontends, worker
from runner.failures import StageFailure
from runner.protocol import Event, Job
from runner.stages import execute, steps  # noqa: F401 - loaded here for all the cases that are forked
from runner.work import Frontend, Work
from schemas.record import OutputComparison
from schemas.words import Stage

STATE = "E2ESHARD_TEST_STATE"
_COMPARED = OutputComparison(output="y", dtype="float32", shape=(2,), passed=True, max_abs=0.0, total=2)


class _Frontend:
    """Knows no model: every step is replaced, and no stage leaves what a bundle could hold."""

    def source_files(self) -> tuple[pathlib.Path, ...]:
        """None: there is no model."""
        return ()

    def notes(self) -> tuple[str, ...]:
        """Nothing to say."""
        return ()


def run(job: Job, emit: Callable[[Event], None]) -> None:
    """The entry point of `E2ESHARD_TEST_WORKER`."""
    fault, _, rest = job.case.model.rsplit("/", 1)[-1].partition("-")
    where = Stage(rest.partition("-")[0])
    frontends.frontend_for = lambda _job: cast("Frontend", _Frontend())
    steps.STEPS.update(dict.fromkeys(Stage, good))
    steps.STEPS[Stage.COMPARISON] = compared
    steps.STEPS[where] = lambda work: (FAULTS[fault](work), steps_after(where, work))[0]
    worker.run(job, emit)


def good(work: Work) -> None:
    """A stage that leaves a file."""
    (work.folder / "left").write_bytes(b"x" * 100)


def compared(work: Work) -> None:
    """The last stage: something equal was compared."""
    work.comparisons = (_COMPARED,)


def steps_after(where: Stage, work: Work) -> None:
    """What a fault that lets its stage go on leaves for the verdict."""
    if where is Stage.COMPARISON:
        compared(work)


def passes(work: Work) -> None:
    """No fault."""


def naps(work: Work) -> None:
    """Take a moment, and say from when to when."""
    begun = time.monotonic()
    time.sleep(0.1)
    (state() / f"{work.job.case.key.replace('/', '_')}.{os.getpid()}").write_text(f"{begun} {time.monotonic()}")


def segfault(work: Work) -> None:
    """End by a signal."""
    os.kill(os.getpid(), signal.SIGSEGV)


def hang(work: Work) -> None:
    """Never end."""
    time.sleep(3600)


def eat(work: Work) -> None:
    """Take memory without end."""
    hoard = []
    while True:
        piece = mmap.mmap(-1, 8 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        piece.write(b"x" * (8 << 20))
        hoard.append(piece)
        time.sleep(0.001)


def exit0(work: Work) -> None:
    """Leave without a word, as if all were well."""
    os._exit(0)


def unreadable(work: Work) -> None:
    """Read what may not be read."""
    path = work.folder / "secret"
    path.write_bytes(b"")
    path.chmod(0)
    if os.geteuid() == 0:
        os.seteuid(65534)
    path.open("rb").close()


def full(work: Work) -> None:
    """Write where the kernel has no room."""
    with pathlib.Path("/dev/full").open("wb") as file:
        file.write(b"x")


def tool(work: Work) -> None:
    """Run a native tool that heeds no polite signal, and is not waited for by another one."""
    code = "import signal, time\nfor n in (1, 2, 15): signal.signal(n, signal.SIG_IGN)\ntime.sleep(3600)"
    with subprocess.Popen([sys.executable, "-S", "-c", code]), subprocess.Popen(["sleep", "3600"]):
        pass


def then_tool(work: Work) -> None:
    """Fail, and run a tool without end in the second run."""
    if runs(work) == 1:
        raise StageFailure("at once")
    tool(work)


def fails(work: Work) -> None:
    """The same failure in every run."""
    raise StageFailure("always the same")


def flips(work: Work) -> None:
    """Fail in the first run, pass in the second."""
    if runs(work) == 1:
        raise StageFailure("only once")


def differs(work: Work) -> None:
    """Fail in one way, then in another."""
    if runs(work) == 1:
        raise StageFailure("in one way", "first excerpt")
    os.kill(os.getpid(), signal.SIGSEGV)


def slows(work: Work) -> None:
    """Fail soon, then hang."""
    if runs(work) == 1:
        time.sleep(0.5)
        raise StageFailure("at once")
    time.sleep(3600)


def fills(work: Work) -> None:
    """Write until the disk is full, in the case's own folder."""
    with (work.folder / "big").open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 65536)


def occupies(work: Work) -> None:
    """Fill the disk beside the case's folder, once and for all, as another job would."""
    with pathlib.Path(os.environ["E2ESHARD_TEST_HOG"]).open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)


def tool_full(work: Work) -> None:
    """A tool that says so, and removes what it had written."""
    raise StageFailure("error: could not write module.vmfb: No space left on device")


def offline(work: Work) -> None:
    """Lose the device for good."""
    (state() / "lost").touch()
    raise StageFailure("UNAVAILABLE; VK_ERROR_DEVICE_LOST", "vulkan/status_util.c:1: UNAVAILABLE; VK_ERROR_DEVICE_LOST")


def claims(work: Work) -> None:
    """Say that the device is lost, which it is not."""
    raise StageFailure("UNAVAILABLE; VK_ERROR_DEVICE_LOST")


def injects(work: Work) -> None:
    """Speak to whoever reads the log."""
    raise StageFailure("::error title=owned::by a model ##[error]twice\n::add-mask::e")


def state() -> pathlib.Path:
    """The folder for what outlives a case's process."""
    return pathlib.Path(os.environ[STATE])


def runs(work: Work) -> int:
    """How often the case has been run, this time included."""
    count = state() / f"{work.job.case.key.replace('/', '_')}.runs"
    with count.open("a") as file:
        file.write("x")
    return count.stat().st_size


FAULTS: dict[str, Callable[[Work], None]] = {
    each.__name__: each
    for each in (
        passes, naps, segfault, hang, eat, exit0, unreadable, full, tool, then_tool, fails, flips, differs,
        slows, fills, occupies, tool_full, offline, claims, injects,
    )
}  # fmt: skip

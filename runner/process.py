"""A command line becomes a finished tool process: its exit or signal, time, peak memory, and a log."""

from __future__ import annotations

import contextlib
import ctypes
import os
import pathlib
import re
import select
import signal
import subprocess
import time
from collections.abc import Callable, Collection, Mapping, Sequence

import msgspec

from runner.memory import children, high_water_bytes, oom_kills

_PR_SET_CHILD_SUBREAPER = 36
_FIRST_SAMPLE = 0.002  # seconds after the start; most runs of small models end within a few milliseconds
_SAMPLE_EVERY, _AT_MOST_EVERY = 0.010, 0.1  # seconds
_SAMPLES_OF_A_RUN = 20  # what it takes in the last part of this size is not seen
_TAIL = 4096
_LIBC = ctypes.CDLL(None, use_errno=True)

#: What allocators and LLVM print before they give up; matched against the last lines of a failed tool only.
_ALLOCATION_FAILED = re.compile(
    rb"std::bad_alloc|LLVM ERROR: out of memory|Cannot allocate memory|Allocation failed|MemoryError", re.IGNORECASE
)


class ToolResult(msgspec.Struct, frozen=True, kw_only=True):
    """How a tool ended. Exactly one of ``exit_code`` and ``signal`` is set.

    ``peak_rss_bytes`` is exact when the tool grew larger than the process that started it; below that it is the last
    sampled high-water mark, or None when the tool ended before the first sample or nobody looked (docs/isolation.md
    says why).
    """

    exit_code: int | None
    signal: int | None
    seconds: float
    peak_rss_bytes: int | None
    timed_out: bool = False
    out_of_memory: bool = False

    @property
    def ok(self) -> bool:
        """Whether the tool exited with 0."""
        return self.exit_code == 0


def signal_name(number: int) -> str:
    """``SIGSEGV`` for 11; ``signal 77`` where the platform has no name for it."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent dies, so that none escapes (raises OSError)."""
    if _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER) failed")


def kill_group(pid: int) -> None:
    """SIGKILL the process group that ``pid`` leads, and ``pid`` itself in case it has not become a leader yet."""
    for send in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            send(pid, signal.SIGKILL)


def end_strays(spared: Callable[[], Collection[int]], patience: float) -> None:
    """Kill and reap every child of this process but the spared ones, and what is handed to it as they die.

    Gives up after ``patience`` seconds: only a process in an uninterruptible sleep takes longer than milliseconds.
    """
    deadline = time.monotonic() + patience
    while strays := [pid for pid in children(os.getpid()) if pid not in spared()]:
        for pid in strays:
            kill_group(pid)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        if time.monotonic() > deadline:
            return
        time.sleep(0.0005)


def tail(path: pathlib.Path | str, limit: int = _TAIL) -> bytes:
    """The last ``limit`` bytes of a file; empty when it cannot be read."""
    try:
        with pathlib.Path(path).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - limit))
            return file.read()
    except OSError:
        return b""


def head(path: pathlib.Path | str, limit: int) -> bytes:
    """The first ``limit`` bytes of a file; empty when it cannot be read."""
    try:
        with pathlib.Path(path).open("rb") as file:
            return file.read(limit)
    except OSError:
        return b""


def run_tool(
    argv: Sequence[str],
    *,
    log: pathlib.Path | str,
    stdout: pathlib.Path | str | None = None,
    timeout: float | None = None,
    env: Mapping[str, str] | None = None,
    cwd: pathlib.Path | str | None = None,
    memory: bool = True,
    looked: Callable[[int], object] | None = None,
) -> ToolResult:
    """Run a native tool to its end, in the caller's process group, with stdin closed.

    Both output streams are appended to ``log`` (stdout to a file of its own where ``stdout`` names one). ``timeout`` in
    seconds is for callers without a scheduler above them, or with another way to go on: a case's deadlines are kept by
    the scheduler. Without ``memory`` nobody looks at what it takes meanwhile: looking takes processor time. ``looked``
    is called with its id now and then while it runs. Raises OSError when the tool cannot be started or the log cannot
    be written.

    No ``preexec_fn``: it would turn vfork into a fork of a process that has the importer loaded, 3 ms instead of 0.3.
    Nothing is lost by it: the zygote kills a case's whole group, and any strays, as soon as the case's process ends.
    """
    kills_before = oom_kills()
    begun = time.perf_counter()
    with pathlib.Path(log).open("ab") as err, contextlib.ExitStack() as files:
        out = err if stdout is None else files.enter_context(pathlib.Path(stdout).open("wb"))
        process = subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            env=None if env is None else dict(env),
            cwd=cwd,
        )
        sampled, timed_out = _watch(process.pid, begun, timeout, memory=memory, looked=looked)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)  # so that Popen does not wait a second time
    seconds = time.perf_counter() - begun
    code = process.returncode
    return ToolResult(
        exit_code=code if code >= 0 else None,
        signal=-code if code < 0 else None,
        seconds=seconds,
        peak_rss_bytes=_peak(usage.ru_maxrss * 1024, sampled),
        timed_out=timed_out,
        out_of_memory=code != 0 and not timed_out and _ran_out_of_memory(code, log, kills_before),
    )


def _watch(
    pid: int, begun: float, timeout: float | None, *, memory: bool, looked: Callable[[int], object] | None
) -> tuple[int | None, bool]:
    """Wait for the end of ``pid`` without reaping it, sampling its high-water mark; kill it at ``timeout``."""
    sampled: int | None = None
    timed_out = False
    handle = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        pause = _FIRST_SAMPLE
        while not poll.poll(pause * 1000):
            sampled = (high_water_bytes(pid) if memory else None) or sampled
            if looked is not None:
                looked(pid)
            if timeout is not None and not timed_out and time.perf_counter() - begun > timeout:
                os.kill(pid, signal.SIGKILL)
                timed_out = True
            part = (time.perf_counter() - begun) / _SAMPLES_OF_A_RUN
            pause = max(_SAMPLE_EVERY, min(_AT_MOST_EVERY, part))
    finally:
        os.close(handle)
    return sampled, timed_out


def _peak(reported: int, sampled: int | None) -> int | None:
    """A child's figure begins with its parent's high-water mark: only what lies above that is the tool's."""
    floor = high_water_bytes(os.getpid())
    return reported if floor is None or reported > floor else sampled


def ran_out_of_memory(said: str) -> bool:
    """Whether an allocator, or LLVM, says that it gives up."""
    return _ALLOCATION_FAILED.search(said.encode()) is not None


def _ran_out_of_memory(code: int, log: pathlib.Path | str, kills_before: int | None) -> bool:
    if code == -signal.SIGKILL:
        kills_now = oom_kills()
        return kills_before is not None and kills_now is not None and kills_now > kills_before
    return _ALLOCATION_FAILED.search(tail(log)) is not None

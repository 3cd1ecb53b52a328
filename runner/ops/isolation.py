"""A function becomes a process of its own that may crash, hang or eat memory, and how it ended."""

from __future__ import annotations

import contextlib
import os
import pathlib
import resource
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from typing import NoReturn

import msgspec

from e2eshard.ending import die_with_parent
from runner.memory import children, descendants, high_water_bytes, oom_kills, resident_bytes
from runner.process import adopt_orphans, end_strays, kill_group

_TICK = 0.02  # seconds between two looks at clock and memory
_STRAY_PATIENCE = 2.0
_CHUNK = 1 << 18
#: The part of what is left of the case's memory that one operation may take: the rest keeps the case from its limit.
_SHARE = 0.9
_EXIT_BUG = 70

Say = Callable[[bytes], None]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds, and the bytes that this process and the other one may hold together.

    ``each``: it has the seconds anew whenever it has said something.
    """

    seconds: float
    memory: int
    each: bool = False


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """How it ended, and the lines that it said. ``reason``: ``deadline``, ``memory-limit``, ``kernel-oom`` or none."""

    exit_code: int | None
    signal: int | None
    reason: str
    detail: str
    seconds: float
    lines: tuple[bytes, ...]


class Isolation:
    """Starts such processes, one at a time, each the leader of a group of its own, and leaves none of them behind."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        adopt_orphans()  # what an operation leaves becomes ours to end before the next one begins

    def run(self, body: Callable[[Say], None], log: pathlib.Path) -> Ended:
        """Run ``body`` in a fork, its output in ``log``; what it says are lines of bytes. Raises OSError only."""
        begun = time.monotonic()
        kills = oom_kills()
        base = resident_bytes(os.getpid())
        room = int(max(0, self._limits.memory - base) * _SHARE)
        reader, writer = os.pipe2(os.O_CLOEXEC)
        parent = os.getpid()
        others = frozenset(children(parent))  # a walker may have a process of its own
        pid = os.fork()
        if pid == 0:
            os.close(reader)
            _be(body, writer, log, parent, room)
        os.close(writer)
        with contextlib.suppress(OSError):  # the child does the same; one of the two comes first
            os.setpgid(pid, pid)
        try:
            said, reason, detail = self._watch(pid, reader, begun, base, room)
        finally:
            os.close(reader)
        kill_group(pid)  # before the wait: until then no other process can be given this id
        _, status = os.waitpid(pid, 0)
        end_strays(lambda: others, _STRAY_PATIENCE)
        code = os.waitstatus_to_exitcode(status)
        if code == -signal.SIGKILL and not reason and kills is not None and (oom_kills() or 0) > kills:
            reason, detail = "kernel-oom", "the kernel ended it: the machine was out of memory"
        whole = said.rpartition(b"\n")[0]
        return Ended(
            exit_code=code if code >= 0 else None,
            signal=-code if code < 0 else None,
            reason=reason,
            detail=detail,
            seconds=time.monotonic() - begun,
            lines=tuple(whole.split(b"\n")) if whole else (),
        )

    def _watch(self, pid: int, reader: int, begun: float, base: int, room: int) -> tuple[bytes, str, str]:
        """Listen until the process has ended or has to be; what it said, and why it was ended."""
        os.set_blocking(reader, False)
        said: list[bytes] = []
        handle = os.pidfd_open(pid)
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        try:
            while True:
                over = poll.poll(_TICK * 1000)
                heard = _drain(reader)
                said += heard
                begun = time.monotonic() if heard and self._limits.each else begun
                if over:
                    return b"".join(said), "", ""
                reason, detail = self._verdict(pid, begun, base, room)
                if reason:
                    kill_group(pid)
                    poll.poll(_STRAY_PATIENCE * 1000)
                    said += _drain(reader)
                    return b"".join(said), reason, detail
        finally:
            os.close(handle)

    def _verdict(self, pid: int, begun: float, base: int, room: int) -> tuple[str, str]:
        if time.monotonic() - begun > self._limits.seconds:
            return "deadline", f"took longer than its {self._limits.seconds:g} s"
        # A fork shares all pages with this process: only what came after is its own.
        held = sum(max(0, resident_bytes(each) - (base if each == pid else 0)) for each in descendants(pid))
        if held > room:
            return "memory-limit", f"held {held >> 20} MiB beside the model; {room >> 20} MiB were left for it"
        return "", ""


def peak_bytes() -> int | None:
    """The largest that this process has been."""
    return high_water_bytes(os.getpid())


def _drain(reader: int) -> list[bytes]:
    found: list[bytes] = []
    with contextlib.suppress(BlockingIOError):
        while data := os.read(reader, _CHUNK):
            found.append(data)
    return found


def _be(body: Callable[[Say], None], pipe: int, log: pathlib.Path, parent: int, room: int) -> NoReturn:
    code = _EXIT_BUG
    try:
        os.setpgid(0, 0)
        die_with_parent(parent)
        out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(out, 1)
        os.dup2(out, 2)
        _limit(room)

        def say(line: bytes) -> None:
            rest = memoryview(line + b"\n")
            while rest:
                rest = rest[os.write(pipe, rest) :]

        body(say)
        code = 0
    except BaseException:  # noqa: BLE001 - this process is the operation: whatever escapes goes to its log, and it ends
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)


def _limit(room: int) -> None:
    """No allocation beyond ``room`` bytes at once, in this process or in a tool that it starts."""
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[5])
    _, ceiling = resource.getrlimit(resource.RLIMIT_DATA)
    hard = pages * os.sysconf("SC_PAGE_SIZE") + room
    if ceiling != resource.RLIM_INFINITY:
        hard = min(hard, ceiling)
    resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))

"""A process id becomes calm threads: those that only ask a software device whether it is done share one processor.

IREE's Vulkan runtime has a thread for each queue that waits for any of several semaphores. Drivers of hardware sleep in
such a wait; Mesa's lavapipe, which has no way to sleep for several at once, looks again and again, also while nothing
was asked of it. On two processors two such threads leave two thirds of one to the thread that compiles the shaders.
"""

from __future__ import annotations

import contextlib
import os
import pathlib

_DRIVER = b"llvmpipe-"  # lavapipe's own threads, which draw
_FIRST = b"iree-pro"  # the thread that IREE starts before those that wait; the driver's own are older
_CROWDED = (2, 3)  # processors: with one nothing can be done, with more each thread has its own
_LOOKS = 3  # in a row at which a thread was running, so that it spins
_PATIENCE = 100  # looks


class Spinners:
    """The threads of one process that spin, found by looking at it some milliseconds apart."""

    def __init__(self) -> None:
        self._looks = 0
        self._ran: dict[int, int] = {}

    def look(self, pid: int) -> bool:
        """Look once, and confine whom it shows to spin; True when there is no need to look again. Raises nothing."""
        self._looks += 1
        try:
            allowed = sorted(os.sched_getaffinity(pid))
            if len(allowed) not in _CROWDED or self._looks > _PATIENCE:
                return True
            names = _names(pid)
            first = next((thread for thread, name in sorted(names.items()) if name.startswith(_FIRST)), None)
            if first is None:
                return False  # no device is open yet
            if not any(name.startswith(_DRIVER) for name in names.values()):
                return True  # another driver's
            waiting = [thread for thread, name in names.items() if thread > first and name == names.get(pid)]
            for thread in waiting:
                self._settle(pid, thread, allowed[pid % len(allowed)])
        except (OSError, AttributeError):  # it has ended, or a container forbids it, or this is no Linux
            return True
        return bool(waiting) and min(self._ran[thread] for thread in waiting) >= _LOOKS

    def _settle(self, pid: int, thread: int, processor: int) -> None:
        """Confine a thread that was running whenever anybody looked."""
        if self._ran.get(thread, 0) < _LOOKS:
            self._ran[thread] = self._ran.get(thread, 0) + 1 if _runs(pid, thread) else 0
            if self._ran[thread] == _LOOKS:
                os.sched_setaffinity(thread, {processor})


def _names(pid: int) -> dict[int, bytes]:
    """The threads of a process, and what each is called."""
    found = {}
    for each in (pathlib.Path("/proc") / str(pid) / "task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            found[int(each.name)] = (each / "comm").read_bytes()
    return found


def _runs(pid: int, thread: int) -> bool:
    """Whether a thread is running, or would; False where it has just ended."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        stat = pathlib.Path(f"/proc/{pid}/task/{thread}/stat").read_bytes()
        return stat.rpartition(b") ")[2].startswith(b"R")
    return False

"""A process id becomes calm threads: those that only ask a software device whether it is done share one processor.

IREE's Vulkan runtime has a thread for each queue that waits for any of several semaphores. Drivers of hardware sleep in
such a wait; Mesa's lavapipe, which has no way to sleep for several at once, looks again and again, also while nothing
was asked of it. On two processors two such threads leave two thirds of one to the thread that compiles the shaders.
"""

from __future__ import annotations

import os
import pathlib

_DRIVER = "libvulkan_lvp"
_FIRST = "iree-pro"  # the thread that IREE starts before those that wait; the driver's own are older
_CROWDED = (2, 3)  # processors: with one nothing can be done, with more each thread has its own
_LOOKS = 3  # at which a thread was running, so that it spins
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
            for thread in _waiting(pid):
                self._ran[thread] = self._ran.get(thread, 0) + _runs(pid, thread)
                if self._ran[thread] == _LOOKS:
                    os.sched_setaffinity(thread, {allowed[pid % len(allowed)]})
        except (OSError, AttributeError):  # it has ended, or a container forbids it, or this is no Linux
            return True
        return bool(self._ran) and min(self._ran.values()) >= _LOOKS


def _waiting(pid: int) -> list[int]:
    """Threads that IREE has started to wait for the queues of a software device."""
    folder = pathlib.Path("/proc") / str(pid)
    names = {int(each.name): (each / "comm").read_text() for each in (folder / "task").iterdir()}
    first = next((thread for thread, name in sorted(names.items()) if name.startswith(_FIRST)), None)
    if first is None or _DRIVER not in (folder / "maps").read_text():
        return []
    return [thread for thread, name in names.items() if thread > first and name == names[pid]]


def _runs(pid: int, thread: int) -> bool:
    """Whether a thread is running, or would."""
    stat = pathlib.Path(f"/proc/{pid}/task/{thread}/stat").read_text()
    return stat.rpartition(") ")[2].startswith("R")

"""Work goes on in a process of its own beside ours, which sees what ours sees and leaves nothing but files."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def beside(work: Callable[[], None]) -> Iterator[None]:
    """While the body runs, ``work`` does in a process of its own; both are done at the end.

    What that process could not do, whatever the reason, is done again in this one, which then has the error. Without a
    second processor, with threads, whose locks nobody in a fork would open again, or where no process can be begun,
    it is done here as well, after the body.
    """
    pid = _forked(work)
    try:
        yield
    except BaseException:
        if pid:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        raise
    if not pid or os.waitpid(pid, 0)[1] != 0:
        work()


def _forked(work: Callable[[], None]) -> int:
    """The process that works; 0 where there is none."""
    if len(os.sched_getaffinity(0)) < 2 or threading.active_count() > 1:  # noqa: PLR2004 - ours and the other
        return 0
    try:
        pid = os.fork()
    except OSError:
        return 0
    if pid == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)  # nothing of ours is flushed, closed or said a second time
    return pid

"""A second piece of work goes on in a process of its own, which sees what ours sees and leaves nothing but files."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from typing import NoReturn

from e2eshard.ending import die_with_parent

_PATIENCE = 120.0  # seconds that the other process may need after ours is done


def at_once(ours: Callable[[], None], other: Callable[[], None]) -> None:
    """Do both; ``other`` in a process of its own meanwhile, where that can be.

    What that process could not do, whatever the reason, is done again here; and where ours raises OSError, all of it,
    one after the other: the room that the other took on a disk may be what was missing. Without a second processor,
    or with a second Python thread, whose locks nobody in a fork would open again, there is no other process. It ends
    with this one; what it has put into the folder for temporary files goes with it, a file that it was writing
    elsewhere stays.
    """
    done = False
    with contextlib.suppress(OSError), _forked(other) as handle:
        if handle is not None:
            ours()
            done = True
            if _is_well(handle):
                return
    if not done:
        ours()
    other()


@contextlib.contextmanager
def _forked(work: Callable[[], None]) -> Iterator[int | None]:
    """A handle of its process while the body runs; None where there is none. Raises OSError where nothing is begun."""
    if len(os.sched_getaffinity(0)) < 2 or threading.active_count() > 1:  # noqa: PLR2004 - ours and the other
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="e2eshard-beside-", ignore_cleanup_errors=True) as scratch:
        pid = _fork(work, scratch)
        try:
            handle = os.pidfd_open(pid)
            with contextlib.closing(os.fdopen(handle, "rb", buffering=0)):
                yield handle
        finally:
            os.kill(pid, signal.SIGKILL)  # it is ours to reap: nobody else can have its number yet
            os.waitpid(pid, 0)


def _is_well(handle: int) -> bool:
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    if not poll.poll(_PATIENCE * 1000):
        return False
    ended = os.waitid(os.P_PIDFD, handle, os.WEXITED | os.WNOWAIT)
    return ended is not None and (ended.si_code, ended.si_status) == (os.CLD_EXITED, 0)


def _fork(work: Callable[[], None], scratch: str) -> int:
    """The process that works. No signal finds it with our handlers, which would have it go on as we do."""
    parent = os.getpid()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        pid = os.fork()
        if pid == 0:
            _work(work, scratch, parent, before)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return pid


def _work(work: Callable[[], None], scratch: str, parent: int, mask: set[int]) -> NoReturn:
    status = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: our process decides
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        die_with_parent(parent)
        tempfile.tempdir = scratch
        work()
        status = 0
    finally:
        os._exit(status)  # nothing of ours is flushed, closed or said a second time

"""A second piece of work goes on in a process of its own, which sees what ours sees and leaves nothing but files."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import NoReturn

from e2eshard.ending import die_with_parent

_PATIENCE = 120.0  # seconds that the other process may need after ours is done
_END_PATIENCE = 5.0  # seconds for it to tidy up


def at_once(ours: Callable[[], None], other: Callable[[], None]) -> None:
    """Do both; ``other`` in a process of its own meanwhile, where that can be.

    What that process could not do, whatever the reason, is done again here; and where ours raises OSError, all of it,
    one after the other: the room that the other took on a disk may be what was missing. Without a second processor,
    or with a second Python thread, whose locks nobody in a fork would open again, there is no other process. It ends
    with this one.
    """
    try:
        with _forked(other) as is_done:
            ours()
            if is_done():
                return
    except OSError:
        ours()
    other()


@contextlib.contextmanager
def _forked(work: Callable[[], None]) -> Iterator[Callable[[], bool]]:
    """Its process while the body runs, which may wait for it and ask whether the work is done; False without one."""
    forked = _fork(work)
    if forked is None:
        yield lambda: False
        return
    pid, handle = forked
    try:
        yield lambda: _well(handle)
    finally:
        os.kill(pid, signal.SIGTERM)  # it is ours to reap: nobody else can have its number yet
        if not _ends(handle, _END_PATIENCE):
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(handle)


def _well(handle: int) -> bool:
    if not _ends(handle, _PATIENCE):
        return False
    ended = os.waitid(os.P_PIDFD, handle, os.WEXITED | os.WNOWAIT)
    return ended is not None and (ended.si_code, ended.si_status) == (os.CLD_EXITED, 0)


def _ends(handle: int, seconds: float) -> bool:
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


def _fork(work: Callable[[], None]) -> tuple[int, int] | None:
    """The process that works and a handle of it; None where there is none."""
    if len(os.sched_getaffinity(0)) < 2 or threading.active_count() > 1:  # noqa: PLR2004 - ours and the other
        return None
    parent = os.getpid()
    try:
        pid = os.fork()
    except OSError:
        return None
    if pid == 0:
        _work(work, parent)
    try:
        return pid, os.pidfd_open(pid)
    except OSError:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        return None


def _work(work: Callable[[], None], parent: int) -> NoReturn:
    status = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: our process decides
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # its drafts are removed
        die_with_parent(parent, signal.SIGTERM)
        work()
        status = 0
    finally:
        os._exit(status)  # nothing of ours is flushed, closed or said a second time

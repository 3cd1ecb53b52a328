"""The faulty worker, and beside it a zygote whose system refuses it some of the processes that it asks for."""

from __future__ import annotations

import errno
import os

from tests.runner_support import faults

#: The numbers of the forks that are refused, counted from 1: ``3`` or ``1,2``; ``all``.
REFUSED = "E2ESHARD_TEST_REFUSED"
run = faults.run
_fork, _forks = os.fork, [0]


def preload() -> None:
    """Put the refusal in the place of the system's call, in the zygote only."""
    os.fork = _refuse


def _refuse() -> int:
    _forks[0] += 1
    if os.environ[REFUSED] == "all" or str(_forks[0]) in os.environ[REFUSED].split(","):
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
    return _fork()

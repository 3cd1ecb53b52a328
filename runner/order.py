"""Cases become a queue, and a machine becomes a number of cases at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from runner.running import Limits
from schemas.case import Case
from schemas.target import Target


def in_order(cases: Sequence[Case], seconds: Callable[[Case], float]) -> tuple[Case, ...]:
    """Longest expected first, so that no long case is left alone at the end; ties by id.

    Those that measure time come last: each of them is alone in any case.
    """
    return tuple(sorted(cases, key=lambda case: (case.is_timed, -seconds(case), case.id)))


def jobs_at_a_time(target: Target, wanted: int | None) -> int:
    """How many cases run at once: one on an exclusive device; else as told, as the target says, or one a core.

    Memory is no part of this number: a case's limit bounds it, but says nothing of what it will use. The scheduler
    starts a further case only while the machine has memory left (``runner.schedule``).
    """
    if target.exclusive_device:
        return 1
    return wanted or target.jobs or len(os.sched_getaffinity(0))


def op_timeout_of(case: Case, scale: float) -> float:
    """Seconds of one operation, op by op."""
    return case.op_timeout * scale


def limits_of(case: Case, *, timeout: float | None, scale: float) -> Limits:
    """A case's deadlines in seconds: its own or ``timeout`` for the whole, its own for each stage, times ``scale``."""
    return Limits(
        case=(case.timeout if timeout is None else timeout) * scale,
        stages={each.stage: each.seconds * scale for each in case.stage_timeouts},
        memory=case.memory_limit,
    )

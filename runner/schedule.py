"""A queue of cases becomes endings, several at a time: starts, listens, keeps deadlines and memory limits."""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import signal
import time
from collections import deque
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Protocol

import msgspec

from runner.memory import ADMISSION_RESERVE, available_bytes, end_spare, proportional_bytes, tree_bytes
from runner.pool import Zygote, ZygoteLostError
from runner.protocol import Batch, Ending, Job
from runner.running import Limits, RunningCase, Verdict, case_log
from runner.wire import Forked, NotForked
from schemas.case import Case
from schemas.errors import CannotStartError

log = logging.getLogger("runner.schedule")

_TICK = 0.05  # seconds between two looks at memory and clocks, where nothing is said meanwhile
_SOONEST = 0.01  # seconds between two looks at memory, however much is said
_KILL_PATIENCE = 10.0  # seconds for a killed case to be gone, and for the zygote to answer a start
_MAX_REFUSALS, _REFUSED_PAUSE = 5, 1.0  # starts that the system refuses in a row while nothing runs; seconds between
_MAX_LOSSES = 3  # zygotes lost in a row without a single case ending


class Stop(StrEnum):
    """Why a run came to its end."""

    DONE = ""
    INTERRUPTED = "interrupted"
    SHARD_DEADLINE = "shard-deadline"


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """A case that waits for its turn; or a batch, whose first case it names."""

    case: Case
    limits: Limits
    batch: Batch | None = None


class Observer(Protocol):
    """Who prepares cases and takes in their endings."""

    def starting(self, planned: Planned) -> tuple[Job, str] | None:
        """Make the case's folders and journal its start; its job, and the time as ISO 8601 UTC.

        None when that was impossible and the case has its record already.
        """

    def ended(self, case: RunningCase, ending: Ending) -> None:
        """A case ended. The next one may be running already; further ones may be added (``Scheduler.add``)."""

    def tick(self, running: Sequence[RunningCase]) -> None:
        """Time has passed."""


class Scheduler:
    """Runs planned cases through a zygote, at most ``jobs`` at a time and only while memory is left."""

    def __init__(
        self, zygote: Zygote, observer: Observer, *, jobs: int, deadline: float, stopped: Callable[[], bool]
    ) -> None:
        self._zygote = zygote
        self._observer = observer
        self._jobs = jobs
        self._deadline = deadline  # time.monotonic() of the shard's own end
        self._stopped = stopped
        self._queue: deque[Planned] = deque()
        self._running: dict[int, RunningCase] = {}
        self._killed: dict[int, float] = {}
        self._ended: list[tuple[RunningCase, Ending]] = []
        self._number = 0
        self._losses = 0
        self._refusals = 0  # in a row, while nothing ran
        self._looked = 0.0  # time.monotonic() of the last look at memory

    def run(self, planned: Sequence[Planned]) -> Stop:
        """Run all cases in the order given; why it stopped. Raises CannotStartError when no zygote stays alive."""
        self.add(planned)
        while self._queue or self._running or self._ended:
            stop = self._why_stop()
            if stop:
                self._abandon()
                self._report()
                return stop
            try:
                if any(case.in_trouble for case, _ in self._ended):
                    self._report()  # what it tells of the machine may keep the next one from being begun
                self._fill()
                self._report()
                if not self._running:
                    continue
                self._listen()
                self._supervise()
            except ZygoteLostError:
                self._replace_zygote()
        self._report()
        return Stop.DONE

    def add(self, planned: Sequence[Planned]) -> None:
        """Cases to run after those that wait already."""
        self._queue.extend(planned)

    def _why_stop(self) -> Stop:
        if self._stopped():
            return Stop.INTERRUPTED
        return Stop.SHARD_DEADLINE if time.monotonic() >= self._deadline else Stop.DONE

    def _fill(self) -> None:
        while self._queue and len(self._running) < self._jobs and self._admits(self._queue[0]):
            self._start(self._queue.popleft())

    def _admits(self, planned: Planned) -> bool:
        """One case always runs; a further one only while memory is left for it beside what the others may still take.

        A case that was just begun holds nothing yet: until it has taken what is reserved for it, that counts as gone.
        One that measures time has nothing beside it.
        """
        if not self._running:
            return True
        if planned.case.is_timed or any(case.job.case.is_timed for case in self._running.values()):
            return False
        limit = planned.limits.memory
        left = available_bytes()
        promised = sum(
            max(0, min(case.limits.memory, ADMISSION_RESERVE) - case.peak_rss) for case in self._running.values()
        )
        return left is None or left - promised >= min(limit, ADMISSION_RESERVE)

    def _start(self, planned: Planned) -> None:
        prepared = self._observer.starting(planned)
        if prepared is None:
            return
        job, started = prepared
        self._number += 1
        begun = time.monotonic()
        try:
            pipe = self._zygote.start(self._number, job, case_log(job))
        except ZygoteLostError:
            self._queue.appendleft(planned)  # it never began
            raise
        except OSError as error:
            self._hold_back(planned, error.strerror or str(error))
            return
        self._running[self._number] = RunningCase(job, planned.limits, pipe, now=begun, started=started)

    def _hold_back(self, planned: Planned, why: str) -> None:
        """No process could be begun for it: fewer run at a time from now on; where none runs, it is tried again."""
        self._queue.appendleft(planned)
        if self._running:
            self._jobs = len(self._running)
            log.warning("no further case can be begun beside %d: %s", self._jobs, why)
            return
        self._refusals += 1
        if self._refusals > _MAX_REFUSALS:
            self._report()
            raise CannotStartError(
                f"no case can be begun: {why}",
                "end what uses up the machine's memory, processes or descriptors (ulimit), and go on with --resume",
            )
        time.sleep(_REFUSED_PAUSE)

    def _listen(self) -> None:
        """Wait until something is said or a clock has to be looked at; take in what was said."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._zygote, selectors.EVENT_READ)
            for number, case in self._running.items():
                if not case.silent:
                    selector.register(case.pipe, selectors.EVENT_READ, number)
            ready = selector.select(self._pause())
        now = time.monotonic()
        for key, _ in ready:
            if key.data is not None:
                self._running[key.data].read(now)
        if any(key.data is None for key, _ in ready):
            self._take_replies()

    def _pause(self) -> float:
        soonest = min((case.next_deadline() for case in self._running.values()), default=time.monotonic() + _TICK)
        return max(0.0, min(_TICK, soonest - time.monotonic()))

    def _take_replies(self) -> None:
        for reply in self._zygote.replies():
            case = self._running.get(reply.number)
            if case is None:
                continue  # given up before
            if isinstance(reply, Forked):
                case.pid = reply.pid
                continue
            if isinstance(reply, NotForked):
                self._close(reply.number)
                again = Planned(case=case.job.case, limits=case.limits, batch=case.job.batch)
                self._hold_back(again, reply.why)
                continue
            self._losses = self._refusals = 0
            self._close(reply.number)
            self._ended.append((case, case.ending(reply.status, reply.peak_rss, time.monotonic())))

    def _close(self, number: int) -> RunningCase:
        """Read what the case said last, and let go of it."""
        case = self._running.pop(number)
        self._killed.pop(number, None)
        while case.read(time.monotonic()):
            pass
        os.close(case.pipe)
        return case

    def _supervise(self) -> None:
        """End what is over its time or its memory, and give up on what cannot be ended."""
        now = time.monotonic()
        look = now >= self._looked + _SOONEST
        if look:
            self._looked = now
        for number, case in list(self._running.items()):
            if number in self._killed:
                if now >= self._killed[number] + _KILL_PATIENCE:
                    self._close(number)
                    self._ended.append((case, case.ending(signal.SIGKILL, 0, now)))
                continue
            if case.pid is None and now >= case.begun + _KILL_PATIENCE:
                raise ZygoteLostError
            case.verdict = case.verdict or case.overdue(now) or (self._over_memory(case) if look else None)
            if case.verdict is not None:
                self._killed[number] = now
                self._zygote.kill(number)
        self._observer.tick(tuple(self._running.values()))

    def _over_memory(self, case: RunningCase) -> Verdict | None:
        if case.pid is None:
            return None
        used = tree_bytes(case.pid)
        if used > case.limits.memory and case.job.aside and end_spare(case.pid):
            return None  # what is held without it is seen at the next look
        case.peak_rss = max(case.peak_rss, used)
        limit = case.limits.memory
        if used > limit and case.job.ops is not None:  # its operations' forks share the model's pages with it
            used = proportional_bytes(case.pid)
        if used <= limit:
            return None
        return Verdict("memory-limit", f"held {used // 1024**2} MiB; its limit is {limit // 1024**2} MiB")

    def _report(self) -> None:
        ended, self._ended = self._ended, []
        for case, ending in ended:
            self._observer.ended(case, ending)

    def _replace_zygote(self) -> None:
        """The zygote is gone and so are its cases; those that had said their last word keep their result."""
        now = time.monotonic()
        for number in list(self._running):
            case = self._close(number)
            self._ended.append((case, case.lost(now)))
        self._losses += 1
        log.warning("the process that starts the cases died; another one is started (see logs/zygote.log)")
        if self._losses > _MAX_LOSSES:
            self._report()
            raise CannotStartError(
                f"the process that starts the cases died {self._losses} times without one case coming to its end",
                "look into logs/zygote.log; is the machine out of memory or of processes?",
            )
        self._zygote.restart()

    def _abandon(self) -> None:
        """End all running cases; only those that had said their last word have a result."""
        with contextlib.suppress(ZygoteLostError):
            for number in self._running:
                self._zygote.kill(number)
        for number in list(self._running):
            case = self._close(number)
            if case.has_finished:
                self._ended.append((case, case.lost(time.monotonic())))

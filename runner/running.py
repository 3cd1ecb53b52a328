"""The bytes of one case's event pipe become events, and its clock says when it has run for too long."""

from __future__ import annotations

import os
import pathlib
import signal

import msgspec

from runner.memory import oom_kills
from runner.process import signal_name
from runner.protocol import Ending, Event, Finished, Job, StageEnded, StageStarted, decode_event
from schemas.words import Stage, StageStatus

#: A record of a model with thousands of outputs stays far below these; whoever writes more is not in its right mind.
MAX_LINE = 8 * 1024**2
MAX_BYTES = 64 * 1024**2
MAX_EVENTS = 50_000
_CHUNK = 256 * 1024
_GOOD = (StageStatus.PASS, StageStatus.SKIP)
_EXIT_PATIENCE = 5.0  # seconds between a worker's last word and the end of its process


def case_log(job: Job) -> pathlib.Path:
    """Where a case's own process writes what it prints."""
    return pathlib.Path(job.logs) / "case.log"


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The deadlines of one case, in seconds, already scaled; its memory in bytes."""

    case: float
    stages: dict[Stage, float]
    memory: int


class Verdict(msgspec.Struct, frozen=True):
    """Why a running case has to be ended."""

    reason: str
    detail: str


class RunningCase:
    """One started case: what it has said so far, and its deadlines. Times are ``time.monotonic()`` seconds."""

    def __init__(self, job: Job, limits: Limits, pipe: int, *, now: float, started: str) -> None:
        self.job = job
        self.limits = limits
        self.pipe = pipe
        self.begun = now
        self.started = started  # ISO 8601 UTC, for the record
        self.pid: int | None = None
        self.events: list[Event] = []
        self.verdict: Verdict | None = None
        self.peak_rss = 0
        self.silent = False  # the pipe is closed on the other side
        self._stage: Stage | None = None
        self._stage_begun = now
        self._finished_at: float | None = None
        self._partial: list[bytes] = []  # pieces of a line that has not ended yet
        self._partial_size = 0
        self._received = 0
        self._oom_kills = oom_kills()

    @property
    def stage(self) -> Stage | None:
        """The stage that was last begun."""
        return self._stage

    @property
    def has_finished(self) -> bool:
        """Whether the worker has said its last word."""
        return self._finished_at is not None

    @property
    def in_trouble(self) -> bool:
        """Whether something went wrong in it so far; of an ended case, whether it failed."""
        bad = any(isinstance(each, StageEnded) and each.result.status not in _GOOD for each in self.events)
        return bad or not self.has_finished

    def read(self, now: float) -> bool:
        """Take in what the pipe holds now, at most 256 KiB; False when there is nothing left to read."""
        try:
            data = os.read(self.pipe, _CHUNK)
        except BlockingIOError:
            return False
        if not data:
            self.silent = True
            return False
        if self.verdict is None or self.verdict.reason != "bad-events":
            self._take(data, now)
        return True

    def overdue(self, now: float) -> Verdict | None:
        """Why the case has to end at this moment, if it has to."""
        if self._finished_at is not None:
            if now >= self._finished_at + _EXIT_PATIENCE:
                return Verdict("", f"did not exit within {_EXIT_PATIENCE:g} s of its last word")
            return None
        if now >= self.begun + self.limits.case:
            return Verdict("case-deadline", f"the case took longer than its {self.limits.case:g} s")
        seconds = self._stage_limit()
        if seconds is not None and now >= self._stage_begun + seconds:
            return Verdict("stage-deadline", f"stage {self._stage} took longer than its {seconds:g} s")
        return None

    def next_deadline(self) -> float:
        """When ``overdue`` can first say something, if no event comes before."""
        if self._finished_at is not None:
            return self._finished_at + _EXIT_PATIENCE
        deadline = self.begun + self.limits.case
        seconds = self._stage_limit()
        return deadline if seconds is None else min(deadline, self._stage_begun + seconds)

    def ending(self, status: int, reported_peak: int, now: float) -> Ending:
        """How the case ended, from its wait status and what was known before."""
        code = os.waitstatus_to_exitcode(status)
        verdict = self.verdict or Verdict("", "")
        if self._finished_at is not None and not verdict.reason:
            code = 0  # all was said; that the process had to be ended afterwards is a note, no crash
        if code == -signal.SIGKILL and not verdict.reason:
            verdict = self._killed_by_another()
        return Ending(
            exit_code=code if code >= 0 else None,
            signal=-code if code < 0 else None,
            reason=verdict.reason,
            detail=verdict.detail,
            peak_rss_bytes=max(reported_peak, self.peak_rss),
            seconds=now - self.begun,
            stage_seconds=now - self._stage_begun if self._stage is not None else 0.0,
        )

    def lost(self, now: float) -> Ending:
        """How the case ended when its zygote died: as it said, when it had said all, else by the zygote's SIGKILL."""
        if self._finished_at is not None:
            return self.ending(0, 0, now)
        self.verdict = self.verdict or Verdict("zygote-lost", "the process that had started it died")
        return self.ending(signal.SIGKILL, 0, now)

    def _stage_limit(self) -> float | None:
        return None if self._stage is None else self.limits.stages.get(self._stage)

    def _take(self, data: bytes, now: float) -> None:
        self._received += len(data)
        first, *lines = data.split(b"\n")
        self._partial.append(first)
        self._partial_size += len(first)
        if lines:
            *whole, last = (b"".join(self._partial), *lines)
            self._partial, self._partial_size = [last], len(last)
            for line in whole:
                if self._finished_at is not None or not self._event(line, now):
                    self._refuse(f"wrote {len(line)} bytes that are no event: {line[:80]!r}")
                    return
        if self._partial_size > MAX_LINE or self._received > MAX_BYTES or len(self.events) > MAX_EVENTS:
            self._refuse(f"wrote {self._received} bytes of events, more than any result has")

    def _event(self, line: bytes, now: float) -> bool:
        try:
            event = decode_event(line)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return False
        self.events.append(event)
        if isinstance(event, StageStarted):
            self._stage, self._stage_begun = event.stage, now
        elif isinstance(event, Finished):
            self._finished_at = now
        return True

    def _refuse(self, detail: str) -> None:
        self._partial = []
        self.verdict = Verdict("bad-events", detail)

    def _killed_by_another(self) -> Verdict:
        kills = oom_kills()
        if kills is not None and self._oom_kills is not None and kills > self._oom_kills:
            return Verdict("kernel-oom", "the kernel ended it: the machine was out of memory")
        return Verdict(
            "",
            f"{signal_name(signal.SIGKILL)} from outside; neither this runner nor the kernel's memory killer sent it",
        )

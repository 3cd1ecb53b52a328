"""Endings of batches become verdicts, and cases that wait to be run alone; a single case is the shard's own affair."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from runner.fast.lane import Lane, Said, ending_of, events_of, left_of
from runner.folder import ShardFolder
from runner.journal import now
from runner.protocol import Ending, Event, Failed, Job, Member, Passed
from runner.running import Limits, RunningCase
from runner.schedule import Planned
from schemas.case import Case
from schemas.record import Record, Together
from schemas.words import Outcome

log = logging.getLogger("runner.fast")


class Shard(Protocol):
    """What batches ask of the shard whose cases they run."""

    def starting(self, planned: Planned) -> tuple[Job, str] | None:
        """As of ``runner.schedule.Observer``, of a single case."""

    def ended(self, case: RunningCase, ending: Ending) -> None:
        """Likewise."""

    def tick(self, running: Sequence[RunningCase]) -> None:
        """Likewise."""

    def starting_batch(self, planned: Planned) -> tuple[Job, str] | None:
        """A batch's job, with the starts of all members journalled; None where it cannot be begun."""

    def ended_batch(self, job: Job, *, whole: bool) -> None:
        """Remove what a batch left; of one that did not come to its end (``whole``) its log stays."""

    def judged(self, case: Case, events: tuple[Event, ...], ending: Ending, started: str) -> Record:
        """The record of a case by its own story."""

    def failed(self, case: Case, events: tuple[Event, ...], ending: Ending, started: str) -> None:
        """Judge a case whose story was told by a batch, journal its record, tidy up after it."""

    def limits(self, case: Case) -> Limits:
        """A case's own deadlines."""

    def take(self, *records: Record) -> None:
        """Journal records and show them."""


class Batches:
    """Observer of a shard that has batches. ``later`` (the scheduler's own) runs cases after all that wait already."""

    def __init__(self, shard: Shard, lane: Lane, folder: ShardFolder) -> None:
        self._shard = shard
        self._lane = lane
        self._folder = folder
        self.later: Callable[[Sequence[Planned]], None]

    def starting(self, planned: Planned) -> tuple[Job, str] | None:
        """The job of a case or of a batch. A batch that cannot be begun leaves its members to be run alone."""
        if planned.batch is None:
            return self._anew(planned.case, self._shard.starting(planned))
        prepared = self._shard.starting_batch(planned)
        if prepared is None:
            self._leave([each.case for each in planned.batch.members])
        return prepared

    def _anew(self, case: Case, prepared: tuple[Job, str] | None) -> tuple[Job, str] | None:
        """A drawn refusal is compiled anew: what a batch has kept of it, or of its twin, would agree with itself."""
        if prepared is None or prepared[0].caching is None or not self._lane.doubts_refusal(case):
            return prepared
        job, started = prepared
        caching = msgspec.structs.replace(prepared[0].caching, force=True)
        return msgspec.structs.replace(job, caching=caching), started

    def ended(self, case: RunningCase, ending: Ending) -> None:
        """A case or a batch ended."""
        batch = case.job.batch
        if batch is None:
            self._shard.ended(case, ending)
            return
        records: list[Record] = []
        failed: dict[str, Failed] = {}
        for member, said in self._lane.accepted(case, self._shard.limits):
            record = self._record(member.case, said, case.started)
            if record is not None and self._lane.believes(member, said):
                records.append(record)
            elif isinstance(said, Failed) and self._is_new(member, said, case.started):
                failed[member.case.id] = said
        self._shard.take(*records)
        for member in (each for each in batch.members if each.case.id in failed):
            said = failed[member.case.id]
            self._shard.failed(member.case, events_of(said), ending_of(said), case.started)
        done = {record.case for record in records} | failed.keys()
        left = [each.case for each in batch.members if each.case.id not in done]
        told = left_of(case)
        why = {each: one.why for each, one in told.items()}
        log.info("a batch of %d: %d ended as they should, %s; left: %s", len(batch.members), len(done), ending, why)
        self._lane.leave(told, len(batch.members))
        self._leave(left)
        self._shard.ended_batch(case.job, whole=case.has_finished and not ending.reason)

    def tick(self, running: Sequence[RunningCase]) -> None:
        """Time has passed."""
        self._shard.tick(running)

    def refused(self, known: Sequence[tuple[Case, Failed]]) -> list[Case]:
        """Cases known to fail, and how, have their record at once; the rest: those expected to fail in another way."""
        started = now()
        records = {case.id: self._record(case, failed, started) for case, failed in known}
        self._shard.take(*filter(None, records.values()))
        return [case for case, _ in known if records[case.id] is None]

    def _record(self, case: Case, said: Said, started: str) -> Record | None:
        """The record of a member; None where it may not come from a batch: neither a pass nor the expected failure."""
        record = self._shard.judged(case, events_of(said), ending_of(said), started)
        if isinstance(said, Passed) and record.outcome is Outcome.PASS:
            return msgspec.structs.replace(record, together=Together(modules=said.modules))
        if isinstance(said, Failed) and record.outcome is Outcome.XFAIL:
            record = self._folder.with_logs_as_wanted(record, case)
            return msgspec.structs.replace(record, together=Together(modules=said.modules)) if said.modules else record
        return None

    def _is_new(self, member: Member, said: Failed, started: str) -> bool:
        """Whether the compiler refused a case that was not expected to fail: as it would in its own process."""
        record = self._shard.judged(member.case, events_of(said), ending_of(said), started)
        is_failure = member.case.expectation is None and record.outcome is Outcome.FAIL
        return is_failure and self._lane.believes(member, said)

    def _leave(self, cases: Sequence[Case]) -> None:
        for case in cases:
            self._folder.discard(case, logs=True)  # of one that was begun in the batch
        self.later([Planned(case=case, limits=self._shard.limits(case)) for case in cases])

"""An unexpected failure, run a second time with nothing beside it, becomes one record: the same again, or flaky."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import msgspec

from results.view import told
from runner.folder import ShardFolder
from runner.protocol import Ending, Job
from runner.running import RunningCase
from runner.schedule import Planned
from schemas.case import Case
from schemas.record import Record, Rerun
from schemas.words import Outcome

#: Endings that may be chance. INFRA says nothing of the case, and what was expected or skipped needs no second look.
_DOUBTFUL = (Outcome.FAIL, Outcome.CRASH, Outcome.TIMEOUT, Outcome.OOM, Outcome.XPASS)


def doubtful(records: Iterable[Record]) -> tuple[str, ...]:
    """The cases to run again: unexpected and not yet repeated; the quickest first, so that a deadline leaves few."""
    found = [record for record in records if record.outcome in _DOUBTFUL and record.rerun is None]
    return tuple(record.case for record in sorted(found, key=lambda record: (record.seconds, record.case)))


def settle(first: Record, second: Record) -> Record:
    """The first record with the second run in it. What counts stays the first run's end: a flaky case is red."""
    again = told(second.outcome, second.exit_status, second.error)
    flaky = False
    if second.outcome is Outcome.INFRA:
        note = f"run again alone, it came to no verdict: {again}"
    elif _end(first) == _end(second):
        note = "same again when run alone"
    else:
        note = f"flaky: run again alone, it ended as {again}"
        flaky = True
    rerun = Rerun(
        outcome=second.outcome,
        exit_status=second.exit_status,
        error=second.error,
        started=second.started,
        seconds=second.seconds,
    )
    return msgspec.structs.replace(first, rerun=rerun, flaky=flaky, notes=(*first.notes, note))


def _end(record: Record) -> tuple[Outcome, str, str]:
    """Kind, stage and signature; for memory not the signature: who notices first that there is none is chance."""
    said = record.error is not None and record.outcome is not Outcome.OOM
    return record.outcome, record.exit_status, record.error.signature if said and record.error is not None else ""


class Shard(Protocol):
    """What second runs ask of the shard whose first runs they repeat."""

    def starting_again(self, case: Case, folder: ShardFolder) -> tuple[Job, str] | None:
        """A case's job in ``folder``, and when it started; None where it cannot be begun: it keeps its first result."""

    def verdict(self, case: RunningCase, ending: Ending) -> Record:
        """The record of one run."""

    def ended_again(self, record: Record) -> None:
        """Take the record with both runs."""

    def tick(self, running: Sequence[RunningCase]) -> None:
        """Show what is running."""


class Reruns:
    """Observer of the second runs, in a folder of their own below the shard's.

    What an agreeing second run left is removed.
    """

    def __init__(self, folder: ShardFolder, first: Mapping[str, Record], shard: Shard) -> None:
        self._folder = folder
        self._first = first
        self._shard = shard

    def starting(self, planned: Planned) -> tuple[Job, str] | None:
        """The job of a second run."""
        return self._shard.starting_again(planned.case, self._folder)

    def ended(self, case: RunningCase, ending: Ending) -> None:
        """A second run came to its end."""
        which = case.job.case
        second = self._shard.verdict(case, ending)
        record = settle(self._first[which.id], second)
        if record.flaky:
            self._folder.ended(case.job, second)
        else:
            self._folder.discard(which, logs=True)
        self._shard.ended_again(record)

    def tick(self, running: Sequence[RunningCase]) -> None:
        """Time has passed."""
        self._shard.tick(running)

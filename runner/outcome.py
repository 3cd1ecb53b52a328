"""What a batch's run came to: its records, and what is missing of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import msgspec

from runner import devices
from runner.schedule import Stop
from runner.select import Batch
from schemas.case import Case
from schemas.record import Record
from schemas.words import Stage


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a batch came to."""

    batch: Batch
    records: tuple[Record, ...]
    missing: int  # planned cases without a record: the run was stopped
    stop: Stop
    trouble: str = ""  # the journal or the reports could not be written
    hindrance: devices.Hindrance | None = None  # no case at all could run on this machine
    unrepeated: int = 0  # unexpected failures that were to be run a second time, and were not


def hindrance_of(
    cases: Iterable[Case], needs: Mapping[str, Collection[Stage]], readiness: devices.Readiness
) -> devices.Hindrance | None:
    """What kept every case from running; None when one could, or when there was nothing to run."""
    missing = [readiness.hinders(needs[case.id], case.path) for case in cases if case.skip is None]
    return missing[0] if missing and all(missing) else None

"""The records of a merged run, read from the shards' own files one at a time: memory does not grow with their size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self, overload

import msgspec

from results.join import Built, Decision
from results.plan import split_key
from results.spans import Spans
from schemas.partial import CaseBuilt
from schemas.record import CaseRecord, CaseRerun, ErrorInfo, Record
from schemas.report import EXIT_UNKNOWN
from schemas.words import EXIT_NOT_RUN, Depth, Outcome

_RECORD: msgspec.json.Decoder[CaseRecord | CaseRerun] = msgspec.json.Decoder(CaseRecord | CaseRerun)


class SpooledRecords(Sequence[Record]):
    """``records[i]`` is the record of ``decisions[i]``: read from its file, or made where nothing came back."""

    def __init__(self, decisions: Sequence[Decision]) -> None:
        self._decisions = decisions
        self._spans = Spans()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._spans.__exit__(kind, error, trace)

    def __len__(self) -> int:
        return len(self._decisions)

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Record, ...]: ...
    def __getitem__(self, index: int | slice) -> Record | tuple[Record, ...]:
        if isinstance(index, slice):
            return tuple(self._read(decision) for decision in self._decisions[index])
        return self._read(self._decisions[index])

    def __iter__(self) -> Iterator[Record]:
        for decision in self._decisions:
            yield self._read(decision)

    def _read(self, decision: Decision) -> Record:
        entry = decision.entry
        if entry is None:
            record = absent_record(decision)
            return record if decision.built is None else self._as_far(record, decision.built)
        data = self._spans.read(entry.path, entry.offset, entry.length)
        record = decode_record(data)
        if record.attempt != entry.attempt:
            record = msgspec.structs.replace(record, attempt=entry.attempt)
        return record

    def _as_far(self, record: Record, built: Built) -> Record:
        """The record of a case of which its build is all that came back."""
        line = self._spans.read(built.path, built.offset, built.length)
        partial = msgspec.json.decode(line, type=CaseBuilt).partial
        return msgspec.structs.replace(
            record,
            stages=partial.stages,
            metrics=partial.metrics,
            flags=partial.flags,
            seconds=partial.seconds,
            started=partial.started,
            notes=(
                *record.notes,
                *partial.notes,
                *((f"left whole, because {partial.whole}",) if partial.whole else ()),
            ),
        )


def decode_record(line: bytes) -> Record:
    """The record of a journal's line, of a first run or of a second."""
    return _RECORD.decode(line).record


def absent_record(decision: Decision) -> Record:
    """MISSING for a case of which nothing came back, CRASH for one that was begun and never ended."""
    suite, target, key = decision.case.split("/", 2)
    parts = split_key(key)
    shard = decision.shard
    crashed = bool(decision.started)
    return Record(
        case=decision.case,
        suite=suite,
        target=target,
        model=parts.model,
        path=parts.path,
        lowering=parts.lowering,
        mode=parts.mode,
        depth=shard.depth if shard is not None else Depth.EXECUTE,
        outcome=Outcome.CRASH if crashed else Outcome.MISSING,
        exit_status=EXIT_UNKNOWN if crashed else EXIT_NOT_RUN,
        shard=shard.shard if shard is not None else None,
        attempt=decision.attempt,
        error=ErrorInfo(signature="started, no result") if crashed else None,
        notes=(decision.why,),
        started=decision.started if decision.started != "unknown" else "",
        reproduce=f"python -m runner {decision.case}" if shard is None else f"python -m runner --shard {shard.id}",
    )

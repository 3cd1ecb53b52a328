"""Starts and records become lines of ``records.jsonl`` as they happen, and such lines become what is kept of a run."""

from __future__ import annotations

import contextlib
import logging
import os
import pathlib
import tempfile
import time
from datetime import UTC, datetime

import msgspec

from schemas.codec import encode
from schemas.errors import InfraError, UsageError
from schemas.record import (
    CaseRecord,
    CaseRerun,
    CaseStarted,
    JournalLine,
    Provenance,
    Record,
    ShardFooter,
    ShardHeader,
)

_LINES: msgspec.json.Decoder[JournalLine] = msgspec.json.Decoder(JournalLine)
_CLOSING_TRIES = 5
_CLOSING_PAUSE = 1.0  # seconds; whoever fills the disk is often another job that is about to end

log = logging.getLogger("runner.journal")


class JournalState(msgspec.Struct, frozen=True, kw_only=True):
    """What a journal says: the last header, the finished cases, and how many of its bytes are whole lines."""

    header: ShardHeader | None = None
    records: dict[str, Record] = {}
    started: frozenset[str] = frozenset()  # begun, without a record
    provenance: Provenance = Provenance()  # of a complete shard
    complete: bool = False
    size: int = 0


class Journal:
    """An open journal. Every line reaches the kernel before the call returns, every record the disk.

    A line that cannot be written (a full disk) stays in memory and is tried again with the next one and at the end.
    """

    def __init__(self, path: pathlib.Path, header: msgspec.Struct, *, keep: int = 0) -> None:
        self._path = path
        self._pending = b""
        self._size = keep  # bytes that are certainly in the file
        self._warned = False
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        os.ftruncate(self._file, keep)
        self._append(header)

    def started(self, case: str, when: str, *together: str) -> None:
        """A case is about to begin, and others ``together`` with it; ``when`` is ISO 8601 UTC."""
        self._append(*(CaseStarted(case=each, started=when) for each in (case, *together)))

    def record(self, *records: Record) -> None:
        """Cases ended."""
        self._append(*(CaseRecord(record=record) for record in records), durable=True)

    def rerun(self, record: Record) -> None:
        """A case was run a second time: ``record`` has both results and takes the place of the first line's."""
        self._append(CaseRerun(record=record), durable=True)

    def close(self, provenance: Provenance | None) -> None:
        """Write what is left, and the footer when the shard came to its end (``provenance`` given).

        Raises InfraError naming the file that holds the lines instead, when the journal's disk stays full.
        """
        if provenance is not None:
            self._append(self._footer(provenance), durable=True)
        for _ in range(_CLOSING_TRIES):
            if not self._pending:
                break
            time.sleep(_CLOSING_PAUSE)
            self._drain()
        os.close(self._file)
        if self._pending:
            self._rescue()

    def _footer(self, provenance: Provenance) -> msgspec.Struct:
        return ShardFooter(provenance=provenance)

    def _append(self, *lines: msgspec.Struct, durable: bool = False) -> None:
        self._pending += b"".join(encode(line) + b"\n" for line in lines)
        if self._drain() and durable:
            with contextlib.suppress(OSError):  # some file systems cannot; the line has reached the kernel all the same
                os.fdatasync(self._file)

    def _drain(self) -> bool:
        """Write all that is pending, going on where the last attempt stopped."""
        try:
            while self._pending:
                written = os.pwrite(self._file, self._pending, self._size)
                self._size += written
                self._pending = self._pending[written:]
        except OSError as error:
            if not self._warned:
                log.warning(
                    "%s cannot be written (%s); results are kept in memory and tried again: make room on that disk",
                    self._path,
                    error.strerror,
                )
            self._warned = True
            return False
        if self._warned:
            log.warning("%s can be written again; nothing was lost", self._path)
        self._warned = False
        return True

    def _rescue(self) -> None:
        handle, name = tempfile.mkstemp(prefix="e2eshard-", suffix=f"-{self._path.name}")
        with os.fdopen(handle, "wb") as copy:
            copy.write(self._path.read_bytes()[: self._size] + self._pending)
        raise InfraError(
            f"{self._path} could not be written to its end; the whole journal was saved as {name}",
            f"make room, move {name} to {self._path}, and run the same command with --resume",
        )


def now() -> str:
    """This moment as ISO 8601 UTC with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def read_journal(path: pathlib.Path) -> JournalState:
    """Everything a journal holds; an unfinished last line is what a killed run leaves and is left out.

    Raises UsageError for a damaged line in the middle, which no kill of ours leaves.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return JournalState()
    header: ShardHeader | None = None
    records: dict[str, Record] = {}
    started: dict[str, None] = {}
    complete, provenance = False, Provenance()
    size = data.rfind(b"\n") + 1
    for number, text in enumerate(data[:size].splitlines(), 1):
        try:
            line = _LINES.decode(text)
        except (msgspec.MsgspecError, UnicodeError) as error:
            raise UsageError(
                f"{path}:{number}: not a line of a journal: {error}",
                "run without --resume to begin anew, or take the damaged line out",
            ) from error
        complete = isinstance(line, ShardFooter)
        if isinstance(line, ShardFooter):
            provenance = line.provenance
        elif isinstance(line, ShardHeader):
            header = line
        elif isinstance(line, CaseStarted):
            started[line.case] = None
        elif isinstance(line, CaseRecord | CaseRerun):
            records[line.record.case] = line.record
    if header is None:
        return JournalState()
    open_cases = frozenset(case for case in started if case not in records)
    return JournalState(
        header=header, records=records, started=open_cases, provenance=provenance, complete=complete, size=size
    )

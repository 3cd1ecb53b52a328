"""A shard folder's journal, or its results.json where the journal is unusable, becomes a scan, whatever the damage."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from results.scan import Entry, Scan, Start
from schemas.codec import encode
from schemas.record import (
    REPORT_SCHEMA,
    RESULTS_SCHEMA,
    CaseRecord,
    CaseRerun,
    CaseStarted,
    JournalLine,
    Provenance,
    ShardFooter,
    ShardHeader,
    ShardResults,
)

JOURNAL = "records.jsonl"
RESULTS = "results.json"
#: Below a shard's folder: a journal a case, ``ops/<case key>.jsonl``, and beside it a folder with bundles.
OPS = "ops"
#: A line longer than this is no record of ours: 16 MiB, some thousand times the usual size.
MAX_LINE = 16 * 1024**2
#: A results.json is decoded as a whole; larger ones (256 MiB) are refused.
MAX_RESULTS = 256 * 1024**2

_LINE: msgspec.json.Decoder[JournalLine] = msgspec.json.Decoder(JournalLine)
BAD = (msgspec.MsgspecError, UnicodeError, RecursionError)


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """One shard folder: its files on this machine, and the name that people know it by.

    ``ops`` are the journals of its cases' operations, by their path below the folder.
    """

    label: str
    journal: Path | None = None
    results: Path | None = None
    ops: tuple[tuple[str, Path], ...] = ()


class _State:
    """What has been read of a journal so far."""

    def __init__(self) -> None:
        self.header: ShardHeader | None = None
        self.entries: list[Entry] = []
        self.latest: dict[str, int] = {}  # case -> index of its last entry
        self.started: dict[str, Start] = {}
        self.footer: ShardFooter | None = None
        self.damage: list[str] = []
        self.broken: int = 0  # number of the unreadable line just before this one; 0: none

    def settle(self) -> None:
        """An unreadable line that no header follows is damage; before a header it is where a killed run stopped."""
        if self.broken:
            self.damage.append(f"line {self.broken} of {JOURNAL} is unreadable")
        self.broken = 0


def scan(source: Source, spool: Path) -> Scan | None:
    """One shard's scan; None for a folder that holds only a merged report. ``spool``: folder for rewritten records."""
    from_journal = _scan_journal(source.label, source.journal) if source.journal is not None else None
    if from_journal is not None and from_journal.suite and not from_journal.damage:
        return from_journal
    fallback = _scan_results(source.label, source.results, spool) if source.results is not None else None
    if from_journal is None:
        return fallback
    if fallback is None or fallback.damage:
        return from_journal
    notes = tuple(f"{text}; all records were taken from {RESULTS}" for text in from_journal.damage)
    return msgspec.structs.replace(fallback, notes=notes)


def _scan_journal(label: str, path: Path) -> Scan:
    state = _State()
    digest = hashlib.sha256()
    last_number, ends_whole = 0, True
    try:
        with path.open("rb") as file:
            for number, offset, line, whole in lines(file, digest):
                last_number, ends_whole = number, whole
                _feed(state, number, offset, line, str(path))
    except OSError as error:
        state.damage.append(f"{JOURNAL} cannot be read: {error.strerror or error}")
    if state.broken == last_number and not ends_whole:
        state.broken = 0  # cut off while this line was being written: the case was started, the join says so
    state.settle()
    header = state.header
    notes = ("the journal is empty: the shard ended before it began",) if not last_number and not state.damage else ()
    if header is None and not notes:
        state.damage.append(f"{JOURNAL} has no readable header: its records cannot be told from another run's")
    footer = state.footer
    return Scan(
        label=label,
        digest=digest.hexdigest(),
        suite=header.suite if header else "",
        target=header.target if header else "",
        shard=header.shard if header else None,
        attempt=header.attempt if header else 1,
        matrix_digest=header.matrix_digest if header else "",
        planned=header.planned if header else 0,
        entries=tuple(state.entries) if header else (),
        started=tuple(state.started.values()) if header else (),
        complete=footer is not None,
        damage=tuple(state.damage),
        notes=notes,
        provenance=_provenance(header, footer),
    )


def _provenance(header: ShardHeader | None, footer: ShardFooter | None) -> Provenance:
    """The footer's, which knows the end, where it says something; else the header's."""
    if footer is not None and footer.provenance != Provenance():
        return footer.provenance
    return header.provenance if header is not None else Provenance()


def lines(file: BinaryIO, digest: hashlib._Hash | None = None) -> Iterator[tuple[int, int, bytes, bool]]:
    """Number, offset, text and wholeness (ends in a newline) of each line; an oversized one comes back empty."""
    number = offset = 0
    while line := file.readline(MAX_LINE + 1):
        number += 1
        if digest is not None:
            digest.update(line)
        size, piece = len(line), line
        while not piece.endswith(b"\n") and len(piece) > MAX_LINE:
            line = b""
            piece = file.readline(MAX_LINE + 1)
            if digest is not None:
                digest.update(piece)
            size += len(piece)
        yield number, offset, line, piece.endswith(b"\n")
        offset += size


def _feed(state: _State, number: int, offset: int, line: bytes, path: str) -> None:
    try:
        item = _LINE.decode(line)
    except BAD:
        if line.strip() or not line:
            state.settle()
            state.broken = number
        return
    if isinstance(item, ShardHeader):
        state.broken = 0
        state.header = item
        state.footer = None  # resumed: the shard has not come to its end yet
        return
    state.settle()
    if isinstance(item, CaseStarted):
        attempt = state.header.attempt if state.header else 1
        name = sys.intern(item.case)
        state.started[name] = Start(name, attempt, item.started)
    elif isinstance(item, CaseRecord | CaseRerun):
        attempt = state.header.attempt if state.header else item.record.attempt
        state.started.pop(item.record.case, None)
        _enter(state, item, entry_of(item, attempt, line, path, offset))
    else:
        state.footer = item


def _enter(state: _State, item: CaseRecord | CaseRerun, entry: Entry) -> None:
    """A second run's line has both results and takes the place of the first's; two first lines are two results."""
    before = state.latest.get(entry.case)
    if isinstance(item, CaseRerun) and before is not None and state.entries[before].attempt == entry.attempt:
        state.entries[before] = entry
        return
    state.latest[entry.case] = len(state.entries)
    state.entries.append(entry)


def entry_of(item: CaseRecord | CaseRerun, attempt: int, line: bytes, path: str, offset: int) -> Entry:
    """The row of a record whose JSON is ``line``, at ``offset`` of ``path``."""
    return Entry(
        case=sys.intern(item.record.case),
        attempt=attempt,
        red=item.record.outcome.is_red or item.record.flaky,
        fingerprint=int.from_bytes(hashlib.blake2b(line.strip(), digest_size=8).digest(), "big"),
        path=path,
        offset=offset,
        length=len(line),
    )


class _Schema(msgspec.Struct):
    schema: str


def _scan_results(label: str, path: Path, spool: Path) -> Scan | None:
    """A shard's results.json; its records go to a file below ``spool``, one per line, and do not stay in memory."""
    blank = Scan(
        label=label, digest=f"unread {label}", suite="", target="", shard=None, attempt=1, matrix_digest="", planned=0
    )
    try:
        if path.stat().st_size > MAX_RESULTS:
            return msgspec.structs.replace(blank, damage=(f"{RESULTS} is larger than {MAX_RESULTS} bytes",))
        data = path.read_bytes()
        schema = msgspec.json.decode(data, type=_Schema).schema
        if schema == REPORT_SCHEMA:
            return None
        if schema != RESULTS_SCHEMA:
            return msgspec.structs.replace(blank, damage=(f"{RESULTS} has the unknown schema {schema[:60]!r}",))
        results = msgspec.json.decode(data, type=ShardResults)
    except OSError as error:
        return msgspec.structs.replace(blank, damage=(f"{RESULTS} cannot be read: {error.strerror or error}",))
    except BAD as error:
        return msgspec.structs.replace(blank, damage=(f"{RESULTS} is unreadable: {error}",))
    digest = hashlib.sha256(data).hexdigest()
    return Scan(
        label=label,
        digest=digest,
        suite=results.suite,
        target=results.target,
        shard=results.shard,
        attempt=results.attempt,
        matrix_digest=results.matrix_digest,
        planned=len(results.records),
        entries=_respool(results, spool / f"{digest}.jsonl"),
        complete=True,
        provenance=results.provenance,
    )


def _respool(results: ShardResults, path: Path) -> tuple[Entry, ...]:
    entries: list[Entry] = []
    offset = 0
    with path.open("wb") as file:
        for record in results.records:
            item = CaseRecord(record=record)
            line = encode(item) + b"\n"
            entries.append(entry_of(item, results.attempt, line, str(path), offset))
            file.write(line)
            offset += len(line)
    return tuple(entries)

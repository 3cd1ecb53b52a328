"""What one shard's files hold, in rows small enough to keep a quarter of a million of them in memory."""

from __future__ import annotations

import msgspec

from schemas.record import Provenance


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One record: what the join needs of it, and where its JSON lies (``length`` bytes at ``offset`` of ``path``)."""

    case: str
    attempt: int
    red: bool
    fingerprint: int  # 64 bits of the record's hash: equal content, equal number
    path: str
    offset: int
    length: int


class Start(msgspec.Struct, frozen=True, gc=False):
    """A case that was begun and has no record in the same file."""

    case: str
    attempt: int
    started: str


class Scan(msgspec.Struct, frozen=True, kw_only=True):
    """One shard folder's files, read once."""

    label: str  # as shown to people: the path given, or archive.zip:member
    digest: str  # SHA-256 of the file read: the same file given twice counts once
    suite: str
    target: str
    shard: int | None
    attempt: int
    matrix_digest: str
    planned: int
    entries: tuple[Entry, ...] = ()
    started: tuple[Start, ...] = ()
    complete: bool = False
    damage: tuple[str, ...] = ()  # what could not be read, in words
    notes: tuple[str, ...] = ()  # what was wrong and could be made up for
    provenance: Provenance = Provenance()

"""Places and results of operations as tables on disk, so that memory does not grow with their number."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

#: A place in a model. ``target`` is its case's; the newest line of a case's place stands.
_USES = """
CREATE TABLE uses (
  source INTEGER, file INTEGER, case_ TEXT, idx INTEGER, target TEXT, model TEXT, model_group TEXT, backend TEXT,
  name TEXT, digest TEXT, node TEXT, graph INTEGER, skip TEXT, why TEXT,
  UNIQUE (source, case_, idx) ON CONFLICT REPLACE
)"""
#: What the join and the counts need of a result, and where its line is.
_RESULTS = """
CREATE TABLE results (
  id INTEGER PRIMARY KEY, source INTEGER, file INTEGER, target TEXT, digest TEXT,
  status INTEGER, outcome TEXT, stopped TEXT, verified INTEGER, unknown INTEGER, signature TEXT, reused INTEGER,
  bundle INTEGER, fingerprint INTEGER, offset INTEGER, length INTEGER,
  UNIQUE (file, target, digest) ON CONFLICT REPLACE
)"""
_STARTED = "CREATE TABLE started (file INTEGER, case_ TEXT, target TEXT, digest TEXT)"


class UseRow(msgspec.Struct, frozen=True, array_like=True):
    """A row of ``uses``; the fields are the columns, in their order."""

    source: int
    file: int
    case: str
    idx: int
    target: str
    model: str
    group: str
    backend: str
    name: str
    digest: str
    node: str
    graph: int
    skip: str | None
    why: str


class ResultRow(msgspec.Struct, frozen=True, array_like=True):
    """A row of ``results`` but for its id; the fields are the columns, in their order."""

    source: int
    file: int
    target: str
    digest: str
    status: int
    outcome: str
    stopped: str
    verified: bool | None
    unknown: bool  # failed without a word that says why
    signature: str
    reused: bool
    bundle: bool
    fingerprint: int
    offset: int
    length: int


class Tables:
    """The database of one merge."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self.files: list[str] = []  # by number
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-16000", "temp_store=FILE"):
            self._connection.execute(f"PRAGMA {pragma}")
        for table in (_USES, _RESULTS, _STARTED):
            self._connection.execute(table)
        self._connection.execute("BEGIN")

    def close(self) -> None:
        """The file is the caller's to remove."""
        self._connection.close()

    def add_file(self, path: str) -> int:
        """Its number."""
        self.files.append(path)
        return len(self.files) - 1

    def add_uses(self, rows: Iterable[UseRow]) -> None:
        """Places; a later row of the same place takes the earlier one's place."""
        self._connection.executemany(_insert("uses", UseRow), map(msgspec.structs.astuple, rows))

    def add_results(self, rows: Iterable[ResultRow]) -> None:
        """Results; likewise of the same operation in the same file."""
        self._connection.executemany(
            _insert("results (" + ", ".join(ResultRow.__struct_fields__) + ")", ResultRow),
            map(msgspec.structs.astuple, rows),
        )

    def add_started(self, rows: Iterable[tuple[int, str, str, str]]) -> None:
        """Operations that were begun: file, case, target, digest."""
        self._connection.executemany("INSERT INTO started VALUES (?, ?, ?, ?)", rows)

    def run(self, text: str, values: Sequence[Any] = ()) -> None:
        """A statement whose rows nobody wants."""
        self._connection.execute(text, values)

    def run_many(self, text: str, rows: Iterable[Sequence[Any]]) -> None:
        """A statement for each of ``rows``."""
        self._connection.executemany(text, rows)

    def rows(self, text: str, values: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """What a query finds, as it finds it."""
        return iter(self._connection.execute(text, values))


def _insert(into: str, row: type[msgspec.Struct]) -> str:
    return f"INSERT INTO {into} VALUES ({', '.join('?' * len(row.__struct_fields__))})"  # noqa: S608  (our own names)

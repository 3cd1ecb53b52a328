"""Sheets that list records, filled side by side in one walk over them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from results.writers.sheets.book import Book
from results.writers.sheets.cells import Value
from results.writers.sheets.sheet import Column, Sheet
from schemas.record import Record


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A sheet's description. ``always``: also without a row; ``wrapped``: texts keep their line breaks."""

    name: str
    columns: tuple[Column, ...]
    rows: Callable[[Record], Iterable[list[Value]]]
    keep: int = 0
    wrapped: bool = False
    always: bool = True


class OpenTable:
    """A table being written; ``place`` is its tab's, among those that are there when it is made."""

    def __init__(self, book: Book, table: Table) -> None:
        self._book = book
        self._table = table
        self._sheet: Sheet | None = None
        if table.always:
            self._open(None)

    def _open(self, place: int | None) -> Sheet:
        table = self._table
        self._sheet = Sheet.table(self._book, table.name, table.columns, table.keep, place)
        return self._sheet

    def add(self, record: Record, place: Callable[[Table], int]) -> None:
        """The record's rows. Where these are the first of a sheet that is not there yet, it is made at its place."""
        for row in self._table.rows(record):
            sheet = self._sheet or self._open(place(self._table))
            if self._table.wrapped:
                sheet.wrapped(row)
            else:
                sheet.row(row)

    def close(self) -> None:
        """No more rows."""
        if self._sheet is not None:
            self._sheet.close()

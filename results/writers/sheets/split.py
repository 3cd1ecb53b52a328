"""A table that may have more rows than a sheet: it goes on in a second sheet, a third, and so on."""

from __future__ import annotations

from collections.abc import Sequence

from results.writers.sheets.book import Book
from results.writers.sheets.cells import Value
from results.writers.sheets.sheet import Column, Sheet


class SplitTable:
    """``name``, then ``name 2``, each behind the one before."""

    def __init__(self, book: Book, name: str, columns: Sequence[Column], keep: int = 0) -> None:
        self._book = book
        self._name = name
        self._columns = tuple(columns)
        self._keep = keep
        self._number = 1
        self._sheet = Sheet.table(book, name, columns, keep)

    @property
    def place(self) -> str:
        """Where the last row is: ``All Ops!A17``."""
        return f"{self._sheet.name}!A{self._sheet.rows}"

    def row(self, values: Sequence[Value]) -> None:
        """One row, in a further sheet where the last one is full."""
        if self._sheet.full:
            self._sheet.close()
            self._number += 1
            place = self._book.names.index(self._sheet.name) + 1
            self._sheet = Sheet.table(self._book, f"{self._name} {self._number}", self._columns, self._keep, place)
        self._sheet.row(values)

    def close(self) -> None:
        """No more rows."""
        self._sheet.close()

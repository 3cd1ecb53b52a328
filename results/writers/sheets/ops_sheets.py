"""All sheets of operations, in the order of their tabs; one a model stands behind all others."""

from __future__ import annotations

from results.view import View
from results.writers.sheets.book import Book
from results.writers.sheets.ops_lists import write_blocking, write_framework, write_models_per_op, write_signatures
from results.writers.sheets.ops_rows import OpenRows
from results.writers.sheets.ops_statuses import write_index, write_statuses


class OpSheets:
    """Made where their tabs are, filled when all other sheets are there."""

    def __init__(self, book: Book, view: View) -> None:
        self._book = book
        self._ops = view.ops
        if self._ops is None:
            return
        write_statuses(book, view, self._ops)
        self._place = len(book.names)
        write_blocking(book, self._ops)
        write_signatures(book, self._ops)
        self._rows = OpenRows(book, self._ops)
        write_models_per_op(book, self._ops)
        write_framework(book, self._ops)

    def fill(self) -> None:
        """The places of all models, and the index of what is where."""
        if self._ops is not None:
            write_index(self._book, self._ops, self._rows.fill(), self._place)

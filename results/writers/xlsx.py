"""A report as report.xlsx: a workbook of static values that people filter and sort."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from results.view import View
from results.writers.sheets.book import Book
from results.writers.sheets.cases import CASES, FAILURES
from results.writers.sheets.figures import FIGURES
from results.writers.sheets.lists import (
    FLAKY,
    SKIPS,
    write_attempts,
    write_missing,
    write_problems,
    write_provenance,
    write_signatures,
    write_timings,
)
from results.writers.sheets.ops_sheets import OpSheets
from results.writers.sheets.pace_sheet import write_pace
from results.writers.sheets.summary import write_summary
from results.writers.sheets.table import OpenTable, Table
from results.writers.sheets.verification import CASTS, CHECKS, COMPARISONS, INTERMEDIATES, TOKENS

#: The sheets by name, in the order of the tabs: those that list records, and those that write themselves. The summary
#: and the sheets of operations stand before them, the sheets of single models behind.
SHEETS: dict[str, Table | Callable[[Book, View], None]] = {
    "Cases": CASES,
    "Failures": FAILURES,
    "Signatures": write_signatures,
    "Flaky": FLAKY,
    "Comparisons": COMPARISONS,
    "Intermediates": INTERMEDIATES,
    "Tokens": TOKENS,
    "Checks": CHECKS,
    "Casts": CASTS,
    "Figures": FIGURES,
    "Timings": write_timings,
    "Shards": write_pace,
    "Missing": write_missing,
    "Skips": SKIPS,
    "Problems": write_problems,
    "Attempts": write_attempts,
    "Provenance": write_provenance,
}
_ORDER = tuple(SHEETS)


def write(view: View, path: Path) -> None:
    """Streams the rows of every sheet to disk; only the texts of styles stay in memory."""
    with Book() as book:
        _fill(book, view)
        book.save(path)


def _fill(book: Book, view: View) -> None:
    """All sheets; the records are read once for all that list them."""
    tables: list[OpenTable] = []
    write_summary(book, view)
    operations = OpSheets(book, view)
    for sheet in SHEETS.values():
        if isinstance(sheet, Table):
            tables.append(OpenTable(book, sheet))
        else:
            sheet(book, view)

    def place(table: Table) -> int:
        before = next(n for n in reversed(_ORDER[: _ORDER.index(table.name)]) if n in book.names)
        return book.names.index(before) + 1

    for record in view.records:
        for table in tables:
            table.add(record, place)
    for table in tables:
        table.close()
    operations.fill()

"""Planned and actual minutes of every shard as a sheet; those far from their plan are coloured."""

from __future__ import annotations

from results.view import View
from results.writers.sheets.book import Book
from results.writers.sheets.cells import Style, Styled, Value
from results.writers.sheets.sheet import Column, Sheet

_COLUMNS = (
    Column("suite", 18),
    Column("target", 14),
    Column("shard", 7),
    Column("attempt", 9),
    Column("planned minutes", 10),
    Column("actual minutes", 10),
    Column("set-up expected", 10),
    Column("off", 8),
    Column("alarm", 8),
)
_PERCENT = Style(format="0%")
_FAR = Style(format="0%", fill="FFE699", bold=True)


def write_pace(book: Book, view: View) -> None:
    """One row a shard that was asked for as planned; where it did not come to its end, without actual minutes."""
    sheet = Sheet.table(book, "Shards", _COLUMNS)
    for row in view.head.minutes:
        off: Value = None if row.off is None else Styled(row.off, _FAR if row.alarm else _PERCENT)
        told: Value = Styled("yes", _FAR) if row.alarm else "no" if row.off is not None else None
        where = [row.suite, row.target, row.shard, row.attempt]
        sheet.row([*where, row.planned, row.actual, row.setup, off, told])
    sheet.close()

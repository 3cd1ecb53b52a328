"""Rows of plain values become rows of a worksheet: no formula, no illegal character, no cell or sheet too large."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import msgspec
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import Cell
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.properties import PageSetupProperties

from results.text import xml_text
from schemas.words import Outcome


class Tinted(msgspec.Struct, frozen=True):
    """A number in the colour of the outcome it counts; 0 is shown as nothing."""

    number: float
    outcome: Outcome


Value = str | int | float | Tinted | None
#: Excel's bounds (support.microsoft.com, "Excel specifications and limits"); text counts in UTF-16 units.
MAX_ROWS = 1_048_576
MAX_TEXT = 32_767
_NOTE = 40  # room for saying that a text was cut
#: What a spreadsheet takes for the start of a formula, now or after an edit; "#" starts its error values.
_FORMULA = ("=", "+", "-", "@", "#", "\t", "\r")
#: The beginnings that `_is_plain` does not let pass; no text at all is one.
_CARE = frozenset((*_FORMULA, ""))
_SHORT = MAX_TEXT // 2  # characters; each may take two units
#: Excel reads _x0041_ as "A"; its own escape for the underscore keeps the text.
_ESCAPE = re.compile("_(?=x[0-9A-Fa-f]{4}_)")

COLOURS: dict[Outcome, str] = {
    Outcome.PASS: "C6EFCE",
    Outcome.XFAIL: "E2EFDA",
    Outcome.SKIP: "EDEDED",
    Outcome.FAIL: "FFC7CE",
    Outcome.CRASH: "F4A6A6",
    Outcome.TIMEOUT: "FFD9A0",
    Outcome.OOM: "FFCC99",
    Outcome.XPASS: "BDD7EE",
    Outcome.INFRA: "D9C3E6",
    Outcome.MISSING: "FFE699",
}
_FACE = "Calibri"  # of the cells without a style
_HEADER = PatternFill("solid", fgColor="1F3864")
_HEADER_FONT = Font(name=_FACE, bold=True, color="FFFFFF")
_BOLD = Font(name=_FACE, bold=True)
_TITLE = Font(name=_FACE, bold=True, size=16)
_LINE_POINTS = 15.0
_MOST_LINES = 10


class Column(msgspec.Struct, frozen=True):
    """A column's heading and its width in characters."""

    title: str
    width: float


class Sheet:
    """One worksheet, written row by row; memory does not grow with the rows."""

    def __init__(self, book: Workbook, name: str, widths: Sequence[float], place: int | None = None) -> None:
        self._sheet = book.create_sheet(name, place)
        self._rows = 0
        self._refused = 0
        self._outcomes: dict[Outcome, Cell] = {}
        self._sheet.page_setup.orientation = "landscape"
        self._sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
        self._sheet.page_setup.fitToHeight = 0  # as many pages as it takes; one page wide
        self._widths = tuple(widths)
        for number, width in enumerate(widths, 1):
            self._sheet.column_dimensions[get_column_letter(number)].width = width

    @classmethod
    def table(
        cls, book: Workbook, name: str, columns: Sequence[Column], keep: int = 0, place: int | None = None
    ) -> Sheet:
        """A sheet that is one table: its header and the first ``keep`` columns stay in view; the header filters."""
        sheet = cls(book, name, [column.width for column in columns], place)
        sheet._sheet.freeze_panes = f"{get_column_letter(keep + 1)}2"
        sheet.header([column.title for column in columns])
        sheet._sheet.auto_filter.ref = f"A1:{get_column_letter(len(columns))}"  # close() adds the last row
        return sheet

    def header(self, titles: Sequence[str]) -> None:
        """A row of column headings, high enough for two lines."""
        cells: list[Cell | Value] = []
        for text in titles:
            cell = self._text(text)
            cell.font, cell.fill = _HEADER_FONT, _HEADER
            cell.alignment = Alignment(vertical="center", wrap_text=True)
            cells.append(cell)
        self._append(cells, height=2 * _LINE_POINTS)

    def title(self, text: str) -> None:
        """A row with one large line."""
        cell = self._text(text)
        cell.font = _TITLE
        self._append([cell], height=1.6 * _LINE_POINTS)

    def section(self, text: str) -> None:
        """An empty row, then one bold line."""
        cell = self._text(text)
        cell.font = _BOLD
        self._append([])
        self._append([cell])

    def banner(self, text: str, colour: str, width: int) -> None:
        """An empty row, then one bold line on a coloured band of ``width`` columns."""
        cells: list[Cell | Value] = [self._text(text), *(self._text("") for _ in range(width - 1))]
        for cell in cells:
            if isinstance(cell, Cell):
                cell.font, cell.fill = _BOLD, PatternFill("solid", fgColor=colour)
        self._append([])
        self._append(cells)

    def row(self, values: Sequence[Value]) -> None:
        """One row; an ``Outcome`` is coloured."""
        cell = self._cell
        self._append([None if value is None else cell(value) for value in values])  # half of them are

    def wrapped(self, values: Sequence[Value]) -> None:
        """One row whose texts keep their line breaks; the row is as high as its longest text, within reason."""
        cells: list[Cell | Value] = []
        lines = 1
        for value, width in zip(values, self._widths, strict=True):
            cell = self._cell(value)
            if isinstance(value, str) and not isinstance(value, Outcome):
                cell = self._text(value)
                cell.alignment = Alignment(vertical="top", wrap_text=True)
                lines = max(lines, sum(1 + int(len(line) // (1.15 * width)) for line in value.split("\n")))
            elif isinstance(cell, int | float):
                cell = WriteOnlyCell(self._sheet, cell)
                cell.alignment = Alignment(vertical="top")
            cells.append(cell)
        self._append(cells, height=_LINE_POINTS * min(lines, _MOST_LINES))

    def close(self) -> None:
        """Says what did not fit, and lets the filter cover all rows."""
        if self._refused:
            self._rows += 1
            self._sheet.append([f"{self._refused} more rows do not fit into a sheet; results.json has them"])
        if self._sheet.auto_filter.ref:
            self._sheet.auto_filter.ref += str(self._rows)

    def _append(self, cells: list[Cell | Value], height: float | None = None) -> None:
        if self._rows == MAX_ROWS - 1:  # the last row is for saying so
            self._refused += 1
            return
        self._rows += 1
        if height is None:
            self._sheet.append(cells)
            return
        self._sheet.row_dimensions[self._rows].height = height
        self._sheet.append(cells)
        del self._sheet.row_dimensions[self._rows]  # it is written; a long sheet must not keep them all

    def _cell(self, value: Value) -> Cell | Value:
        """Most values first: this is asked a million times for a large run."""
        kind = type(value)
        if kind is int or value is None or (isinstance(value, str) and kind is str and _is_plain(value)):
            return value
        if isinstance(value, str):
            return self._written(value)
        if isinstance(value, Tinted):
            return self._tinted(value)
        if isinstance(value, float) and not math.isfinite(value):
            return str(value)
        return value

    def _written(self, value: str) -> Cell | Value:
        if isinstance(value, Outcome):
            return self._outcome(value)
        text = clean(value)
        return self._text(text) if text.startswith(_FORMULA) else text or None

    def _tinted(self, value: Tinted) -> Cell | None:
        if not value.number:
            return None
        cell = WriteOnlyCell(self._sheet, value.number)
        cell.fill = PatternFill("solid", fgColor=COLOURS[value.outcome])
        return cell

    def _outcome(self, outcome: Outcome) -> Cell:
        cell = self._outcomes.get(outcome)
        if cell is None:
            cell = self._text(outcome.value)
            cell.fill = PatternFill("solid", fgColor=COLOURS[outcome])
            cell.alignment = Alignment(vertical="top")
            self._outcomes[outcome] = cell
        return cell

    def _text(self, text: str) -> Cell:
        """A cell that is text whatever it holds, and stays text when somebody edits it."""
        cell = WriteOnlyCell(self._sheet)
        if text:
            cell.value = clean(text)
            cell.data_type = "s"
        if text.startswith(_FORMULA):
            cell.quotePrefix = True
        return cell


def _is_plain(text: str) -> bool:
    """Whether it needs none of the care below: a quick look that lets no text pass that does."""
    return text.isprintable() and len(text) < _SHORT and text[:1] not in _CARE and "_x" not in text


def clean(text: str) -> str:
    """``text`` as a cell can hold it: no character that XML forbids, no escape of Excel's, at most 32,767 units."""
    text = _ESCAPE.sub("_x005F_", xml_text(text))
    if len(text) * 2 <= MAX_TEXT:
        return text
    units = text.encode("utf-16-le")
    if len(units) <= MAX_TEXT * 2:
        return text
    kept = units[: (MAX_TEXT - _NOTE) * 2].decode("utf-16-le", "ignore")
    return f"{kept} … [{len(text)} characters]"

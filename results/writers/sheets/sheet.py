"""Rows of plain values become rows of a worksheet, none larger than a sheet may be."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.properties import PageSetupProperties

from results.writers.sheets.book import Book
from results.writers.sheets.cells import COLOURS, FORMULA, Style, Styled, Tinted, Value, number_xml, text_xml
from schemas.words import Outcome

#: Excel's bound (support.microsoft.com, "Excel specifications and limits").
MAX_ROWS = 1_048_576
_HEADER = Style(fill="1F3864", colour="FFFFFF", bold=True, vertical="center", wrap=True)
_BOLD = Style(bold=True)
_TITLE = Style(bold=True, size=16)
_TOP = Style(vertical="top")
_WRAPPED = Style(vertical="top", wrap=True)
_QUOTED = Style(quoted=True)
_LINE_POINTS = 15.0
_MOST_LINES = 10
_REMEMBERED = 20_000  # texts whose cells are kept: names, signatures, types come again and again
_SHORT = 200


class Column(msgspec.Struct, frozen=True):
    """A column's heading and its width in characters."""

    title: str
    width: float


class Sheet:
    """One worksheet, written row by row; memory does not grow with the rows."""

    def __init__(self, book: Book, name: str, widths: Sequence[float], place: int | None = None) -> None:
        self._book = book
        self.name = name
        self._sheet, self._body = book.sheet(name, place)
        self.rows = 0
        self._refused = 0
        self._filter = (0, 0)
        self._letters = _letters(len(widths))
        self._outcomes = {o: f' s="{book.style(Style(fill=c, vertical="top"))}"' for o, c in COLOURS.items()}
        self._quoted = f' s="{book.style(_QUOTED)}"'
        self._sheet.page_setup.orientation = "landscape"
        self._sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
        self._sheet.page_setup.fitToHeight = 0  # as many pages as it takes; one page wide
        self._widths = tuple(widths)
        for letter, width in zip(self._letters, widths, strict=True):
            self._sheet.column_dimensions[letter].width = width

    @classmethod
    def table(cls, book: Book, name: str, columns: Sequence[Column], keep: int = 0, place: int | None = None) -> Sheet:
        """A sheet that is one table: its header and the first ``keep`` columns stay in view; the header filters."""
        sheet = cls(book, name, [column.width for column in columns], place)
        sheet.begin_table([column.title for column in columns], keep)
        return sheet

    def begin_table(self, titles: Sequence[str], keep: int = 0) -> None:
        """The header of the sheet's one table; it stays in view with all above it, and filters."""
        self.header(titles)
        self._sheet.freeze_panes = f"{get_column_letter(keep + 1)}{self.rows + 1}"
        self._filter = (self.rows, 0)

    def end_table(self) -> None:
        """What follows is not filtered."""
        self._filter = (self._filter[0], self.rows)

    def link(self, sheet: str) -> None:
        """A click on the first cell of the last row opens ``sheet``."""
        self._body.links.append((f"A{self.rows}", sheet))

    @property
    def full(self) -> bool:
        """Whether no further row fits; the last one is kept for saying so."""
        return self.rows >= MAX_ROWS - 1

    def header(self, titles: Sequence[str]) -> None:
        """A row of column headings, high enough for two lines."""
        self.row([Styled(text, _HEADER) for text in titles], 2 * _LINE_POINTS)

    def title(self, text: str) -> None:
        """A row with one large line."""
        self.row([Styled(text, _TITLE)], 1.6 * _LINE_POINTS)

    def section(self, text: str) -> None:
        """An empty row, then one bold line."""
        self.row([])
        self.row([Styled(text, _BOLD)])

    def banner(self, text: str, colour: str, width: int) -> None:
        """An empty row, then one bold line on a coloured band of ``width`` columns."""
        style = Style(fill=colour, bold=True)
        self.row([])
        self.row([Styled(text, style), *(Styled(None, style) for _ in range(width - 1))])

    def row(self, values: Sequence[Value], height: float | None = None) -> None:
        """One row; an ``Outcome`` is coloured."""
        if self.full:
            self._refused += 1
            return
        self.rows += 1
        if len(values) > len(self._letters):
            self._letters = _letters(len(values))
        number = str(self.rows)
        high = f' ht="{height}" customHeight="1"' if height is not None else ""
        parts = [f'<row r="{number}"{high}>']
        known = self._book.rendered
        cell = self._cell
        for letter, value in zip(self._letters, values, strict=False):
            if value is None:
                continue
            if type(value) is float or type(value) is int:
                text = number_xml(value)
            else:
                text = (known.get(value) if type(value) is str else None) or cell(value)
            if text:
                parts.append(f'<c r="{letter}{number}"{text}')
        parts.append("</row>\n")
        self._body.add("".join(parts))

    def wrapped(self, values: Sequence[Value]) -> None:
        """One row whose texts keep their line breaks; the row is as high as its longest text, within reason."""
        shown: list[Value] = []
        lines = 1
        for value, width in zip(values, self._widths, strict=True):
            if isinstance(value, str) and not isinstance(value, Outcome):
                shown.append(Styled(value, _WRAPPED))
                lines = max(lines, sum(1 + int(len(line) // (1.15 * width)) for line in value.split("\n")))
            elif isinstance(value, int | float):
                shown.append(Styled(value, _TOP))
            else:
                shown.append(value)
        self.row(shown, _LINE_POINTS * min(lines, _MOST_LINES))

    def close(self, elsewhere: str = "results.json has them") -> None:
        """Says what did not fit, and lets the filter cover the table."""
        if self._refused:
            self.rows += 1
            told = text_xml(f"{self._refused} more rows do not fit into a sheet; {elsewhere}")
            self._body.add(f'<row r="{self.rows}"><c r="A{self.rows}"{told}</row>\n')
        first, last = self._filter
        if first:
            self._sheet.auto_filter.ref = f"A{first}:{get_column_letter(len(self._widths))}{last or self.rows}"

    def _cell(self, value: Value) -> str:
        """A cell's XML from behind its place; empty for none."""
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, Tinted):
            return f"{self._outcomes[value.outcome]}{number_xml(value.number)}" if value.number else ""
        if isinstance(value, Styled):
            return self._styled(value)
        return "" if value is None else number_xml(value)

    def _text(self, value: str) -> str:
        if isinstance(value, Outcome):
            return f"{self._outcomes[value]}{text_xml(value.value)}"
        text = str(value)  # of a StrEnum its value
        made = text_xml(text)
        if text.startswith(FORMULA):
            made = f"{self._quoted}{made}"
        if len(text) < _SHORT:
            known = self._book.rendered
            if len(known) >= _REMEMBERED:
                known.clear()
            known[text] = made
        return made

    def _styled(self, cell: Styled) -> str:
        """Text is text whatever it holds, and stays so when somebody edits it."""
        value, style = cell.value, cell.style
        if isinstance(value, str) and value.startswith(FORMULA):
            style = msgspec.structs.replace(style, quoted=True)
        number = f' s="{self._book.style(style)}"'
        if isinstance(value, str):
            value = text_xml(str(value)) or None
        elif value is not None:
            value = number_xml(value)
        return f"{number}{value or '/>'}"


def _letters(count: int) -> tuple[str, ...]:
    return tuple(get_column_letter(number) for number in range(1, count + 1))

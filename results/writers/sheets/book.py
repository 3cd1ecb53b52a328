"""A workbook whose rows are text on disk: openpyxl makes the book and its styles, the rows are put in when it is saved.

docs/adr/0007 has the reason: a cell object costs more than everything else of a merge together.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import zipfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from xml.sax.saxutils import quoteattr

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment, Font, PatternFill

from results.writers.sheets.cells import Style

_FACE = "Calibri"  # of the cells without a style
_BUFFER = 1 << 20  # characters of rows kept until they go to disk
#: What openpyxl writes for a sheet to which no row was appended.
_NO_ROWS = re.compile(rb"<sheetData\s*/>|<sheetData>\s*</sheetData>")
#: In a worksheet's fixed order of elements, what openpyxl always writes next after the place of links.
_AFTER_LINKS = b"<pageMargins"
_EPOCH = (1980, 1, 1, 0, 0, 0)


class Body:
    """The rows of one sheet: text that grows on disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._parts: list[str] = []
        self._size = 0
        self.links: list[tuple[str, str]] = []  # a cell, and the sheet that a click on it opens

    def add(self, text: str) -> None:
        """One more row's XML."""
        self._parts.append(text)
        self._size += len(text)
        if self._size > _BUFFER:
            self._flush()

    def close(self) -> Path:
        """Everything is on disk."""
        self._flush()
        return self._path

    def _flush(self) -> None:
        with self._path.open("ab") as file:  # not kept open: a book may have hundreds of sheets
            file.write("".join(self._parts).encode())
        self._parts.clear()
        self._size = 0


class Book:
    """The workbook being made; use it as a context manager, which removes its scratch files."""

    def __init__(self) -> None:
        self._book = Workbook(write_only=True)
        self._bodies: list[tuple[Any, Body]] = []
        self._styles: dict[Style, int] = {}
        self._scratch = tempfile.TemporaryDirectory(prefix="e2eshard-book-")
        self._folder = Path(self._scratch.name)
        self.rendered: dict[str, str] = {}  # texts that were made into cells: most come again

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._scratch.cleanup()

    @property
    def names(self) -> list[str]:
        """Of the sheets that are there, in the order of their tabs."""
        return self._book.sheetnames

    def sheet(self, name: str, place: int | None) -> tuple[Any, Body]:
        """A new sheet, at tab ``place`` or last, and where its rows go."""
        made = self._book.create_sheet(name, place)
        body = Body(self._folder / f"{len(self._bodies)}.xml")
        self._bodies.append((made, body))
        return made, body

    def style(self, style: Style) -> int:
        """Its number in this book."""
        number = self._styles.get(style)
        if number is None:
            number = self._styles[style] = _number(self._bodies[0][0], style)
        return number

    def save(self, path: Path) -> None:
        """The book with all rows; ``path`` is written once, from front to back."""
        skeleton = self._folder / "book.xlsx"
        self._book.save(skeleton)
        bodies = {sheet.path.removeprefix("/"): body for sheet, body in self._bodies}
        with zipfile.ZipFile(skeleton) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
            for info in old.infolist():
                data = old.read(info)
                body = bodies.get(info.filename)
                if body is None:
                    new.writestr(info, data)
                else:
                    _splice(new, info.filename, data, body)


def _splice(archive: zipfile.ZipFile, name: str, around: bytes, body: Body) -> None:
    """The sheet ``around`` with the rows of ``body``. The size is told first: only huge members are ZIP64 then."""
    hole = _NO_ROWS.search(around)
    if hole is None:
        raise ValueError(f"{name}: openpyxl left no place for the rows; its way of writing an empty sheet has changed")
    head, tail = around[: hole.start()] + b"<sheetData>", b"</sheetData>" + around[hole.end() :]
    tail = tail.replace(_AFTER_LINKS, _links(body) + _AFTER_LINKS, 1)
    text = body.close()
    info = zipfile.ZipInfo(name, _EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.file_size = len(head) + text.stat().st_size + len(tail)
    with archive.open(info, "w") as sink, text.open("rb") as rows:
        sink.write(head)
        shutil.copyfileobj(rows, sink, 1 << 20)
        sink.write(tail)


def _links(body: Body) -> bytes:
    if not body.links:
        return b""
    places = (quoteattr("'" + sheet.replace("'", "''") + "'!A1") for _, sheet in body.links)
    made = (f'<hyperlink ref="{at}" location={place}/>' for (at, _), place in zip(body.links, places, strict=True))
    return f"<hyperlinks>{''.join(made)}</hyperlinks>".encode()


def _number(sheet: Any, style: Style) -> int:
    cell = WriteOnlyCell(sheet)
    if style.bold or style.colour or style.size:
        cell.font = Font(name=_FACE, bold=style.bold, color=style.colour or None, size=style.size or None)
    if style.fill:
        cell.fill = PatternFill("solid", fgColor=style.fill)
    if style.wrap or style.vertical:
        cell.alignment = Alignment(vertical=style.vertical or None, wrap_text=style.wrap or None)
    if style.format:
        cell.number_format = style.format
    if style.quoted:
        cell.quotePrefix = True
    return int(cell.style_id)

"""A report as report.xlsx: a workbook of static values that people filter and sort."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from openpyxl import Workbook

from results.view import View
from results.writers.sheets.cases import write_cases, write_failures
from results.writers.sheets.lists import (
    write_attempts,
    write_flaky,
    write_missing,
    write_problems,
    write_provenance,
    write_signatures,
    write_skips,
    write_timings,
)
from results.writers.sheets.summary import write_summary

#: The sheets in the order of the tabs.
SHEETS: tuple[Callable[[Workbook, View], None], ...] = (
    write_summary,
    write_cases,
    write_failures,
    write_signatures,
    write_flaky,
    write_timings,
    write_missing,
    write_skips,
    write_problems,
    write_attempts,
    write_provenance,
)


def write(view: View, path: Path) -> None:
    """Streams the rows of every sheet to disk; only the texts of styles stay in memory."""
    book = Workbook(write_only=True)
    for sheet in SHEETS:
        sheet(book, view)
    book.save(path)

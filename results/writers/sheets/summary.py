"""The first sheet: the verdict, then suite x target x outcome, x stage, and the reasons for skips."""

from __future__ import annotations

from results.device import DEVICE_HEADINGS, device_rows
from results.pace import alarm_text
from results.view import View, modules_text, title, together_text, unchecked_text
from results.writers.sheets.book import Book
from results.writers.sheets.cells import Tinted
from results.writers.sheets.sheet import Sheet
from schemas.report import ReportHead
from schemas.words import Outcome, Stage

_RED, _GREEN, _YELLOW = "FFC7CE", "C6EFCE", "FFE699"
_WIDTHS = (24, 18, 9, *(13 for _ in range(15)))
_BAND = 8  # columns of a coloured band


def write_summary(book: Book, view: View) -> None:
    """Counts are values, not formulas: they are the same in every program that opens the file."""
    head = view.head
    sheet = Sheet(book, "Summary", _WIDTHS)
    sheet.title(title(head))
    _verdict(sheet, head)
    _outcomes(sheet, head)
    if said := modules_text(head):
        sheet.row([said])
    if said := together_text(head):
        sheet.row([said])
    _stages(sheet, head)
    rows = list(device_rows(head.groups))
    if rows:
        sheet.section("Devices that only run: minutes of stages")
        sheet.header(list(DEVICE_HEADINGS))
        for row in rows:
            sheet.row(list(row))
    if head.skips:
        sheet.section("Skipped, by reason")
        sheet.header(["reason", "cases"])
        for skip in head.skips:
            sheet.row([skip.reason.value, skip.count])
    sheet.close()


def _verdict(sheet: Sheet, head: ReportHead) -> None:
    total = sum(head.totals.values())
    red = sum(count for outcome, count in head.totals.items() if outcome.is_red)
    problems = sum(problem.red for problem in head.problems)
    if head.red:
        flaky = f" ({head.flaky} flaky)" if head.flaky else ""
        sheet.banner(f"RED: {red} of {total} cases unexpected{flaky}, {problems} problems", _RED, _BAND)
    else:
        sheet.banner(f"All {total} cases as expected", _GREEN, _BAND)
    if head.unchecked.passed:
        sheet.banner(unchecked_text(head.unchecked), _YELLOW, _BAND)
    if text := alarm_text(head.minutes):
        sheet.banner(f"MINUTES: {text} (sheet Shards)", _YELLOW, _BAND)
    if head.partial:
        sheet.banner(f"PARTIAL: {head.partial_detail}", _YELLOW, _BAND)
    if not head.planned:
        sheet.banner("UNPLANNED: no matrix was given; cases that never ran cannot be seen as missing", _YELLOW, _BAND)
    if head.provenance.started:
        sheet.row([f"from {head.provenance.started} to {head.provenance.finished}, attempt {head.attempt}"])


def _outcomes(sheet: Sheet, head: ReportHead) -> None:
    sheet.section("Outcomes")
    sheet.header(["suite", "target", "cases", *Outcome, "flaky", "case minutes"])
    for group in head.groups:
        counts = [Tinted(group.outcomes.get(outcome, 0), outcome) for outcome in Outcome]
        sheet.row([group.suite, group.target, group.total, *counts, group.flaky, round(group.seconds / 60, 1)])
    totals = [Tinted(head.totals.get(outcome, 0), outcome) for outcome in Outcome]
    minutes = round(sum(group.seconds for group in head.groups) / 60, 1)
    sheet.row(["all", "", sum(head.totals.values()), *totals, head.flaky, minutes])


def _stages(sheet: Sheet, head: ReportHead) -> None:
    """Stages in the order of running; then what is no stage (Numerics, unknown, not-run)."""
    seen = {stage for group in head.groups for stage in group.stages}
    if not seen:
        return
    order: list[str] = [stage.value for stage in Stage if stage.value in seen]
    order += sorted(seen.difference(order))
    sheet.section("Where the cases stopped that did not pass, expected failures included")
    sheet.header(["suite", "target", "", *(name.replace("_", " ") for name in order)])
    for group in head.groups:
        sheet.row([group.suite, group.target, None, *(group.stages.get(name) or None for name in order)])

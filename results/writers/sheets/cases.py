"""All cases, one row each, with what was observed of them; and the unexpected ones with their excerpts."""

from __future__ import annotations

from collections.abc import Sequence

from openpyxl import Workbook

from results.view import View
from results.writers.sheets.sheet import Column, Sheet, Value
from schemas.record import OutputComparison, Record
from schemas.words import Outcome, Stage

_STAGES = tuple(Stage)
_MIB = 1024**2
_NAMES = (Column("suite", 18), Column("target", 14), Column("model", 44), Column("path", 10))
_CASES = (
    *_NAMES,
    Column("lowering", 10),
    Column("depth", 10),
    Column("outcome", 10),
    Column("flaky", 7),
    Column("exit status", 18),
    Column("reached depth", 10),
    Column("expected to fail at", 18),
    Column("seconds", 9),
    *(Column(f"{stage.replace('_', ' ')} s", 12) for stage in _STAGES),
    Column("peak MiB", 9),
    Column("max abs error", 13),
    Column("max rel error", 13),
    Column("PCC", 10),
    Column("mismatched", 11),
    Column("elements", 10),
    Column("signature", 60),
    Column("skip reason", 14),
    Column("notes", 40),
    Column("shard", 7),
    Column("attempt", 8),
    Column("group", 14),
    Column("tags", 20),
    Column("case", 60),
)
_FAILURES = (
    Column("outcome", 10),
    Column("exit status", 18),
    Column("case", 50),
    Column("signature", 50),
    Column("notes", 40),
    Column("excerpt", 80),
    Column("reproduce", 60),
    Column("shard", 7),
    Column("attempt", 8),
)
#: An excerpt in a cell is for reading; the log has everything.
_EXCERPT = 4000


def write_cases(book: Workbook, view: View) -> None:
    """Every record, in the report's order."""
    sheet = Sheet.table(book, "Cases", _CASES, keep=3)
    for record in view.records:
        sheet.row(_case(record))
    sheet.close()


def write_failures(book: Workbook, view: View) -> None:
    """Every red record that ran: what happened and how to see it again."""
    sheet = Sheet.table(book, "Failures", _FAILURES)
    for record in view.records:
        if record.outcome.is_red and record.outcome is not Outcome.MISSING:
            sheet.wrapped(_failure(record))
    sheet.close()


def _case(record: Record) -> list[Value]:
    seconds = {stage.stage: stage.seconds for stage in record.stages}
    peak = max((stage.peak_rss_bytes or 0 for stage in record.stages), default=0)
    compared = record.comparisons
    return [
        record.suite,
        record.target,
        record.model,
        record.path.value,
        record.lowering.value,
        record.depth.value,
        record.outcome,
        "yes" if record.flaky else None,
        record.exit_status,
        record.reached_depth.value if record.reached_depth is not None else None,
        record.expectation.stage.value if record.expectation is not None else None,
        round(record.seconds, 3) or None,
        *(round(seconds[stage], 3) if stage in seconds else None for stage in _STAGES),
        round(peak / _MIB) if peak else None,
        max((c.max_abs for c in compared if c.max_abs is not None), default=None),
        max((c.max_rel for c in compared if c.max_rel is not None), default=None),
        min((c.pcc for c in compared if c.pcc is not None), default=None),
        *_counted(compared),
        record.error.signature if record.error is not None else None,
        record.skip_reason.value if record.skip_reason is not None else None,
        "; ".join(record.notes),
        record.shard,
        record.attempt,
        record.group,
        ", ".join(record.tags),
        record.case,
    ]


def _counted(compared: Sequence[OutputComparison]) -> tuple[int | None, int | None]:
    if not compared:
        return None, None
    return sum(c.mismatched for c in compared), sum(c.total for c in compared)


def _failure(record: Record) -> list[Value]:
    notes = list(record.notes)
    if record.outcome is Outcome.XPASS and record.expectation is not None and record.expectation.where:
        notes.append(f"delete {record.expectation.where}")
    notes += [f"{c.output}: {c.reason}" for c in record.comparisons if not c.passed]
    return [
        record.outcome,
        record.exit_status,
        record.case,
        record.error.signature if record.error is not None else None,
        "\n".join(notes),
        record.error.excerpt[:_EXCERPT] if record.error is not None else None,
        record.reproduce,
        record.shard,
        record.attempt,
    ]

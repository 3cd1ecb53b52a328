"""Cases that go op by op become one row each: how many operations reached which rung, in coloured bands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from results.ops.ask import Ops
from results.ops.rows import RUNGS, CaseOps, Counts
from results.ops.text import status_text
from results.view import View, title
from results.writers.sheets.book import Book
from results.writers.sheets.cells import Style, Styled, Value
from results.writers.sheets.ops_rows import MODEL_SHEETS, ModelSheet
from results.writers.sheets.sheet import Column, Sheet
from schemas.record import Tool
from schemas.report import ReportHead

#: Shares from which on a colour holds, best first.
BANDS: tuple[tuple[float, str, str], ...] = (
    (1.0, "C6EFCE", "100 %"),
    (0.8, "FFEB9C", "at least 80 %"),
    (0.5, "FFD9A0", "at least 50 %"),
    (0.0, "FFC7CE", "below 50 %"),
)
_PERCENT = "0.0%"
_NAMES = (Column("model", 40), Column("group", 12), Column("backend", 10), Column("target", 14))
_SHARES = (
    Column("compiled %", 10),
    Column("compiled", 11),
    Column("executed %", 10),
    Column("executed", 11),
    Column("verified %", 10),
    Column("verified", 11),
)
_COLUMNS = (
    *_NAMES,
    *(Column(status_text(rung), 13) for rung in range(RUNGS)),
    Column("total", 8),
    *_SHARES,
    Column("unknown errors", 9),
    Column("timeouts", 9),
    Column("crashes", 8),
    Column("no result", 8),
    Column("in flight", 8),
    Column("skipped", 8),
    Column("unique", 8),
    Column("reused", 8),
    Column("how far", 24),
    Column("depth", 18),
    Column("outcome", 10),
    Column("exit status", 16),
    Column("signature", 50),
    Column("path", 11),
    Column("suite", 18),
    Column("case", 60),
)
_INDEX = (
    Column("model", 44),
    Column("sheet", 34),
    Column("first row", 20),
    Column("cases", 7),
    Column("uses", 9),
    Column("failed", 9),
    *_SHARES[::2],
    Column("how far", 70),
)


def write_statuses(book: Book, view: View, ops: Ops) -> None:
    """One row a case, totals, what the colours and rungs mean, and where it all comes from."""
    sheet = Sheet.table(book, "Per Model Compile Statuses", _COLUMNS, 1)
    for case in ops.cases:
        sheet.row(_case(case))
    sheet.end_table()
    cases = ops.cases
    skipped, reused = sum(each.skipped for each in cases), sum(each.reused for each in cases)
    flying = sum(each.in_flight for each in cases)
    numbers = _numbers(ops.totals, flying, skipped, reused)
    sheet.row([f"all {len(cases)} cases", None, None, None, *numbers])
    _legend(sheet)
    _provenance(sheet, view.head)
    sheet.close()


def write_index(book: Book, ops: Ops, places: dict[str, ModelSheet], place: int) -> None:
    """Every model once, and where its operations are."""
    sheet = Sheet.table(book, "Models", _INDEX, 1, place)
    of_model: dict[str, list[CaseOps]] = {}
    for case in ops.cases:
        of_model.setdefault(case.info.model, []).append(case)
    for model, cases in sorted(of_model.items()):
        sheet.row(_indexed(model, cases, places.get(model)))
        if model in places and places[model].sheet:
            sheet.link(places[model].sheet)
    sheet.end_table()
    if len(places) > MODEL_SHEETS:
        told = f"{MODEL_SHEETS} of {len(places)} models have a sheet: those with most failing operations."
        sheet.section(f"{told} All Ops has every model.")
    sheet.close()


def banded(part: int, whole: int) -> Value:
    """A share as a percentage in its band's colour; nothing where there is no whole."""
    if not whole:
        return None
    share = part / whole
    colour = next(colour for least, colour, _ in BANDS if share >= least)
    return Styled(share, Style(fill=colour, format=_PERCENT))


def shares(counts: Counts) -> Iterator[Value]:
    """Percent and n/N of what was compiled, executed and verified."""
    for part in (counts.compiled, counts.executed, counts.verified):
        yield banded(part, counts.uses)
        yield f"{part}/{counts.uses}"


def rungs(counts: Counts) -> Sequence[int | None]:
    """Uses by rung; none is shown as nothing."""
    return [number or None for number in counts.by_status]


def _case(case: CaseOps) -> list[Value]:
    info = case.info
    return [
        info.model,
        info.group,
        case.backend,
        info.target,
        *_numbers(case.counts, case.in_flight, case.skipped, case.reused),
        case.standing.value,
        info.depth.value if info.depth is not None else None,
        info.outcome,
        info.exit_status,
        info.signature,
        info.path,
        info.suite,
        info.case,
    ]


def _numbers(counts: Counts, in_flight: int, skipped: int, reused: int) -> Iterable[Value]:
    rest = (counts.unknown_errors, counts.timeouts, counts.crashes, counts.no_result, in_flight, skipped)
    return [*rungs(counts), counts.uses, *shares(counts), *(n or None for n in rest), counts.unique, reused or None]


def _indexed(model: str, cases: Sequence[CaseOps], place: ModelSheet | None) -> list[Value]:
    uses = sum(each.counts.uses for each in cases)
    return [
        model,
        place.sheet or "none of its own" if place is not None else "no operation",
        place.first if place is not None else None,
        len(cases),
        uses,
        sum(each.counts.failed for each in cases) or None,
        banded(sum(each.counts.compiled for each in cases), uses),
        banded(sum(each.counts.executed for each in cases), uses),
        banded(sum(each.counts.verified for each in cases), uses),
        "; ".join(f"{each.info.target} {each.backend}: {each.standing}" for each in cases),
    ]


def _legend(sheet: Sheet) -> None:
    sheet.section("Legend")
    for _, colour, text in BANDS:
        sheet.row([Styled(text, Style(fill=colour))])
    for text in (
        "The counts 0 to 7 are of uses (places of a model with an operation of their own), by the last rung seen.",
        "compiled: rung 6 or 7; executed: rung 7; verified: executed, with outputs within tolerance. All are of total.",
        "unknown errors: failed without a word that says why; or no journal holds the result ('no result' too).",
        "in flight: begun, without a result, when the case's process ended. skipped: places that are no operation.",
    ):
        sheet.row([text])


def _provenance(sheet: Sheet, head: ReportHead) -> None:
    sheet.section("Provenance")
    sheet.row([title(head)])
    if not head.planned:
        sheet.row(["UNPLANNED: no matrix was given; cases that never ran cannot be seen as missing"])
    if head.partial:
        sheet.row([f"PARTIAL: {head.partial_detail}"])
    if head.provenance.started:
        sheet.row([f"from {head.provenance.started} to {head.provenance.finished}, attempt {head.attempt}"])
    for text in sorted({_tools(entry.provenance.tools) for entry in head.shards} - {""}):
        sheet.row([text])


def _tools(tools: Sequence[Tool]) -> str:
    return "; ".join(" ".join(filter(None, (t.name, t.version, t.build, t.sha256[:12]))) for t in tools)

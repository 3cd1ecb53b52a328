"""The smaller sheets: signatures, timings, missing and skipped cases, problems, earlier attempts, provenance."""

from __future__ import annotations

from collections.abc import Iterator

from results.view import View, both_ends
from results.writers.sheets.book import Book
from results.writers.sheets.cells import Value
from results.writers.sheets.sheet import Column, Sheet
from results.writers.sheets.table import Table
from schemas.record import Record
from schemas.words import Outcome, Stage

_STAGES = tuple(Stage)
_MODELS_SHOWN = 25
_GIB = 1024**3
_EXCERPT = 4000


def write_signatures(book: Book, view: View) -> None:
    """How cases end, unexpected first, then the most frequent: the compiler's gaps at a glance."""
    columns = (
        Column("signature", 90),
        Column("stage", 20),
        Column("kind", 10),
        Column("cases", 8),
        Column("unexpected", 11),
        Column("expected", 10),
        Column("models", 8),
        Column("cases by name", 100),
    )
    sheet = Sheet.table(book, "Signatures", columns)
    for item in view.head.signatures:
        more = len(item.cases) - _MODELS_SHOWN
        named = ", ".join(item.cases[:_MODELS_SHOWN]) + (f" … and {more} more" if more > 0 else "")
        count = item.expected + item.unexpected
        sheet.row([item.signature, item.stage, item.kind, count, item.unexpected, item.expected, item.models, named])
    sheet.close()


def _flaky(record: Record) -> Iterator[list[Value]]:
    if record.flaky and record.rerun is not None:
        excerpt = record.rerun.error.excerpt[:_EXCERPT] if record.rerun.error is not None else None
        times = (round(record.seconds, 3), round(record.rerun.seconds, 3))
        yield [record.case, record.outcome, *both_ends(record), excerpt, *times]


#: Cases that failed, and ended otherwise when they were run again alone: both results.
FLAKY = Table(
    name="Flaky",
    columns=(
        Column("case", 60),
        Column("outcome", 10),
        Column("first run", 70),
        Column("second run, alone", 70),
        Column("excerpt of the second", 80),
        Column("seconds", 9),
        Column("seconds again", 9),
    ),
    rows=_flaky,
)


def write_timings(book: Book, view: View) -> None:
    """Seconds per case and stage, slowest first."""
    stages = (Column(stage.replace("_", " "), 12) for stage in _STAGES)
    columns = (Column("case", 60), Column("outcome", 10), Column("seconds", 10), Column("stages together", 11), *stages)
    sheet = Sheet.table(book, "Timings", columns)
    order = sorted((-record.seconds, number) for number, record in enumerate(view.records) if record.seconds > 0)
    for _, number in order:
        record = view.records[number]
        seconds = {stage.stage: stage.seconds for stage in record.stages}
        sheet.row(
            [
                record.case,
                record.outcome,
                round(record.seconds, 3),
                round(sum(seconds.values()), 3),
                *(round(seconds[stage], 3) if stage in seconds else None for stage in _STAGES),
            ]
        )
    sheet.close()


def write_missing(book: Book, view: View) -> None:
    """Planned cases of which nothing came back."""
    sheet = Sheet.table(book, "Missing", (Column("case", 70), Column("why", 100)))
    for item in view.head.missing:
        sheet.row([item.case, item.why])
    sheet.close()


def _skips(record: Record) -> Iterator[list[Value]]:
    if record.outcome is Outcome.SKIP:
        reason = record.skip_reason.value if record.skip_reason is not None else ""
        yield [reason, record.skip_detail, record.case]


#: Cases that were not judged, with the reason.
SKIPS = Table(name="Skips", columns=(Column("reason", 16), Column("detail", 60), Column("case", 70)), rows=_skips)


def write_problems(book: Book, view: View) -> None:
    """What is wrong with the run besides its cases' outcomes; one row a case where cases are named."""
    columns = (Column("kind", 14), Column("red", 6), Column("file", 60), Column("what", 100), Column("case", 60))
    sheet = Sheet.table(book, "Problems", columns)
    for problem in view.head.problems:
        for case in problem.cases or ("",):
            sheet.row([problem.kind.value, "yes" if problem.red else "no", problem.file, problem.text, case])
    sheet.close()


def write_attempts(book: Book, view: View) -> None:
    """Results of earlier attempts that newer ones replaced."""
    columns = (
        Column("case", 70),
        Column("attempt", 9),
        Column("outcome", 10),
        Column("exit status", 18),
        Column("signature", 80),
        Column("seconds", 9),
    )
    sheet = Sheet.table(book, "Attempts", columns)
    for item in view.head.superseded:
        sheet.row([item.case, item.attempt, item.outcome, item.exit_status, item.signature, round(item.seconds, 3)])
    sheet.close()


def write_provenance(book: Book, view: View) -> None:
    """What produced the records: one row a shard."""
    columns = (
        Column("suite", 18),
        Column("target", 14),
        Column("shard", 7),
        Column("attempt", 9),
        Column("planned", 9),
        Column("records", 9),
        Column("taken", 8),
        Column("complete", 10),
        Column("started", 22),
        Column("finished", 22),
        Column("commit", 14),
        Column("matrix digest", 14),
        Column("device", 14),
        Column("host", 40),
        Column("cores", 7),
        Column("memory GiB", 9),
        Column("tools", 90),
        Column("command", 60),
        Column("file", 50),
    )
    sheet = Sheet.table(book, "Provenance", columns)
    for entry in view.head.shards:
        origin = entry.provenance
        tools = "; ".join(" ".join(filter(None, (t.name, t.version, t.build, t.sha256[:12]))) for t in origin.tools)
        sheet.row(
            [
                entry.suite,
                entry.target,
                entry.shard,
                entry.attempt,
                entry.planned,
                entry.recorded,
                entry.taken,
                "yes" if entry.complete else "no",
                origin.started,
                origin.finished,
                origin.commit[:12],
                entry.matrix_digest[:12],
                origin.device,
                origin.host.cpu,
                origin.host.cores or None,
                round(origin.host.memory / _GIB, 1) if origin.host.memory else None,
                tools,
                " ".join(origin.command),
                entry.file,
            ]
        )
    sheet.close()

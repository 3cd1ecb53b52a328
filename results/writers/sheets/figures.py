"""Size, dispatches, time and what compiling took, one row a compiled case, with goldens and how they are kept."""

from __future__ import annotations

from collections.abc import Iterator

from results.writers.sheets.cells import Value
from results.writers.sheets.sheet import Column
from results.writers.sheets.table import Table
from schemas.figures import FIGURES as KINDS
from schemas.figures import Figure, compared, measured_of
from schemas.record import Record
from schemas.words import Stage

_MIB = 1024**2
_TITLES = {"time": "time ms", "dispatches": "dispatches", "size": "size bytes"}
_COLUMNS = (
    Column("case", 60),
    Column("outcome", 10),
    *(
        Column(f"{text}{_TITLES[each.title]}", 13)
        for each in KINDS
        for text in ("", "golden ", "change of ", "standing of ")
    ),
    Column("median ms", 11),
    Column("mean ms", 11),
    Column("spread ms", 11),
    Column("repetitions", 10),
    Column("compile s", 10),
    Column("compile peak MiB", 10),
)


def _rows(record: Record) -> Iterator[list[Value]]:
    metrics = record.metrics
    if not any(measured_of(each, metrics) is not None for each in KINDS):
        return
    peak = metrics.get("compile_peak_rss_bytes")
    yield [
        record.case,
        record.outcome,
        *(value for each in KINDS for value in _cells(each, record)),
        metrics.get("time_median_ms"),
        metrics.get("time_mean_ms"),
        metrics.get("time_spread_ms"),
        metrics.get("repetitions"),
        _compile_seconds(record),
        round(peak / _MIB) if peak else None,
    ]


def _cells(figure: Figure, record: Record) -> tuple[Value, ...]:
    measured = measured_of(figure, record.metrics)
    found = next((each for each in compared(record.metrics) if each.figure is figure), None)
    if found is None:
        return (measured, None, None, None)
    return (measured, found.golden, found.delta, found.standing.value)


def _compile_seconds(record: Record) -> float | None:
    """What compiling really took, also where the module came from the cache."""
    if "compile_seconds" in record.metrics:
        return round(record.metrics["compile_seconds"], 3)
    return next((round(each.seconds, 3) for each in record.stages if each.stage is Stage.COMPILATION), None)


#: One row a case of which something is known that the compiler or the benchmark made.
FIGURES = Table(name="Figures", columns=_COLUMNS, rows=_rows, always=False)

"""Figures against goldens, times from what the benchmark tool prints, and both in workbook and summary."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import msgspec
import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from results.shard import shard_view
from results.writers import markdown, xlsx
from runner.failures import StageFailure
from runner.imported import goldens
from runner.imported.benchmarking import times
from schemas.figures import Standing, compared
from schemas.imported import GoldenFigure, GoldenKind
from schemas.words import Outcome, Stage
from tests.results_support.build import matrix, record, shard_results

_FIGURES = st.floats(0.001, 1e6)


def golden(value: float, factor: float = 1.0, kind: GoldenKind = GoldenKind.TIME) -> GoldenFigure:
    return GoldenFigure(name="golden_time_ms", kind=kind, value=value, factor=factor)


@given(_FIGURES, _FIGURES, st.floats(1.0, 3.0))
def test_a_figure_is_missed_met_or_improved(measured: float, value: float, factor: float) -> None:
    found = goldens.against((golden(value, factor),), {GoldenKind.TIME: measured})
    assert bool(found.missed) == (measured > value * factor)
    assert not (found.missed and found.notes)
    if found.notes:
        assert measured < value
    if measured * factor * 1.001 < value:
        assert found.notes


def test_what_was_missed_is_named_without_figures() -> None:
    size = GoldenFigure(name="golden_size", kind=GoldenKind.SIZE, value=100)
    lost = GoldenFigure(name="golden_dispatch", kind=GoldenKind.DISPATCHES, value=3)
    found = goldens.against((golden(2.0, 1.5), size, lost), {GoldenKind.TIME: 3.1, GoldenKind.SIZE: 99.0})
    assert found.signature == "missed golden_time_ms and golden_dispatch"
    assert found.lines == (
        "golden_time_ms: 3.1 ms, more than the golden 2 times 1.5 (+55.0 %)",
        "golden_dispatch: at most 3 dispatches, and the tools gave no figure",
    )
    assert found.notes == ()  # a size that is 1 % better is noise


def sample(time: float, **more: Any) -> dict[str, Any]:
    return {"name": "BM_main", "run_type": "iteration", "real_time": time, "time_unit": "ms"} | more


def test_times_are_those_of_samples_in_milliseconds() -> None:
    entries = [
        sample(3.0),
        sample(2000.0, time_unit="us"),
        sample(7e6, time_unit="ns"),
        sample(0.1, run_type="aggregate", aggregate_name="stddev"),
    ]
    found = times(json.dumps({"context": {}, "benchmarks": entries}).encode())
    assert found == {
        "time_min_ms": 2.0,
        "time_median_ms": 3.0,
        "time_mean_ms": 4.0,
        "time_spread_ms": 5.0,
        "repetitions": 3.0,
    }


@pytest.mark.parametrize(
    ("printed", "said"),
    [
        (b"", "printed no JSON"),
        (b'{"benchmarks": []}', "printed no samples"),
        (json.dumps({"benchmarks": [sample(1, run_type="aggregate", aggregate_name="mean")]}).encode(), "no samples"),
        (json.dumps({"benchmarks": [sample(0, error_occurred=True, error_message="x")]}).encode(), "with an error"),
    ],
)
def test_what_is_no_time(printed: bytes, said: str) -> None:
    with pytest.raises(StageFailure, match=said):
        times(printed)


SLOW = {"time_min_ms": 3.0, "golden_time_ms": 2.0, "limit_time_ms": 2.2, "repetitions": 10.0, "time_median_ms": 3.5}
FEWER = {"dispatch_count": 8.0, "golden_dispatch_count": 10.0, "limit_dispatch_count": 10.0, "vmfb_bytes": 5e3}
OWN = {"vmfb_bytes": 900.0, "judged_vmfb_bytes": 300.0, "golden_vmfb_bytes": 310.0, "limit_vmfb_bytes": 310.0}


def test_the_judged_module_counts() -> None:
    (found,) = compared(OWN)
    assert (found.measured, found.standing) == (300.0, Standing.MET)


def test_goldens_in_workbook_and_summary(tmp_path: pathlib.Path) -> None:
    slow = record("a@direct", Outcome.FAIL, stage=Stage.BENCHMARK, signature="missed golden_time_ms")
    measured = ((slow, SLOW), (record("b@direct"), FEWER), (record("c@direct"), OWN))
    records = [msgspec.structs.replace(each, metrics=metrics) for each, metrics in measured]
    records.append(record("d@direct"))
    shown = shard_view(shard_results(records), matrix([[each.case.split("/", 2)[2] for each in records]]))
    text = markdown.render(shown)
    section = text[text.index("## Goldens") :]
    lines = [line for line in section.splitlines() if line.startswith("| ")][1:3]
    assert lines[0].startswith("| missed | time | 3 | 2 | +50.0 % |")
    assert lines[1].startswith("| improved | dispatches | 8 | 10 | -20.0 % |")
    xlsx.write(shown, tmp_path / "r.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "r.xlsx")["Figures"]
    head, *rows = list(sheet.iter_rows(values_only=True))
    table = [dict(zip(head, row, strict=True)) for row in rows]
    assert len(table) == 3
    assert table[0]["standing of time ms"] == "missed"
    assert table[0]["change of time ms"] == "+50.0 %"
    assert table[0]["repetitions"] == 10
    assert table[1]["standing of dispatches"] == "improved"
    assert (table[2]["size bytes"], table[2]["golden size bytes"]) == (300, 310)

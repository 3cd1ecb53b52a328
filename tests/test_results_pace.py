"""Planned against actual minutes: what is compared, what is far off, and where a person sees it. None of it is red."""

from __future__ import annotations

from pathlib import Path

import msgspec
import openpyxl
import pytest

from results.merge import load_plan, merge
from results.pace import alarms, pace, seconds
from results.plan import PlannedShard, make_plan
from schemas.codec import decode, encode
from schemas.matrix import Matrix, SelectedShard, Selection
from schemas.record import Provenance
from schemas.report import Report, ReportHead, ShardEntry
from schemas.words import Depth
from tests.results_support.build import DIGEST, journal, key, matrix, record

KEYS = [[key(1), key(2)], [key(3)], [key(4)]]


def planned(minutes: float = 4.0, setup: float = 1.0) -> Matrix:
    """Three shards of one target, all planned alike."""
    made = matrix(KEYS)
    (target,) = made.targets
    shards = tuple(msgspec.structs.replace(each, minutes=minutes, setup_minutes=setup) for each in target.shards)
    return msgspec.structs.replace(made, targets=(msgspec.structs.replace(target, shards=shards),))


def took(minutes: float, *, shard: int = 0, attempt: int = 1, complete: bool = True, taken: int = 1) -> ShardEntry:
    whole, rest = divmod(round(minutes * 60), 60)
    times = Provenance(started="2026-11-20T02:00:00+00:00", finished=f"2026-11-20T02:{whole:02}:{rest:02}+00:00")
    return ShardEntry(
        suite="s", target="cpu", shard=shard, attempt=attempt, file=f"{shard}-{attempt}", matrix_digest=DIGEST,
        planned=1, recorded=1, taken=taken, complete=complete, provenance=times,
    )  # fmt: skip


def shards(made: Matrix, selection: Selection | None = None) -> tuple[PlannedShard, ...]:
    return make_plan([made], selection).shards


@pytest.mark.parametrize(
    ("ran", "actual", "off", "alarm"),
    [(3.0, 4.0, 0.0, False), (4.0, 5.0, 0.25, False), (4.1, 5.1, 0.275, True), (1.9, 2.9, -0.275, True)],
)
def test_the_set_up_is_added_and_over_a_quarter_off_is_an_alarm(
    ran: float, actual: float, off: float, alarm: bool
) -> None:
    row = pace(shards(planned()), [took(ran)])[0]
    assert (row.planned, row.setup, row.actual, row.off, row.alarm) == (4.0, 1.0, actual, off, alarm)


def test_the_newest_attempt_that_came_to_its_end_counts() -> None:
    entries = [took(9, attempt=3, complete=False), took(3, attempt=2), took(8, attempt=1)]
    assert [(row.attempt, row.actual) for row in pace(shards(planned()), entries)] == [
        (2, 4.0),
        (None, None),
        (None,) * 2,
    ]


def test_a_shard_of_which_nothing_was_taken_is_not_measured() -> None:
    assert pace(shards(planned()), [took(3, taken=0)])[0].actual is None


def test_only_whole_shards_to_their_own_depth_are_compared() -> None:
    chosen = (
        SelectedShard(target="cpu", shard=0, cases=(key(1),)),
        SelectedShard(target="cpu", shard=1, cases=(key(3),)),
    )
    part = Selection(suite="s", targets=("cpu",), partial=True, shards=chosen)
    assert [row.shard for row in pace(shards(planned(), part), [])] == [1]
    shallow = msgspec.structs.replace(part, depth=str(Depth.COMPILE))
    assert pace(shards(planned(), shallow), []) == ()


def test_alarms_come_farthest_first() -> None:
    rows = pace(shards(planned()), [took(4.5, shard=0), took(8, shard=1), took(0.5, shard=2)])
    assert [row.shard for row in alarms(rows)] == [1, 2, 0]


@pytest.mark.parametrize(("started", "finished"), [("", ""), ("yesterday", "2026-11-20T02:00:00+00:00"),
                                                   ("2026-11-20T02:00:00", "2026-11-20T02:00:00+00:00")])  # fmt: skip
def test_times_that_are_none_measure_nothing(started: str, finished: str) -> None:
    assert seconds(Provenance(started=started, finished=finished)) is None


def merged(tmp_path: Path, made: Matrix) -> ReportHead:
    """Every shard's journal, which begins and ends in the same second: 1 minute with its set-up."""
    for number, keys in enumerate(KEYS):
        journal(tmp_path / "in" / str(number), [record(each, shard=number) for each in keys], shard=number)
    (tmp_path / "m.json").write_bytes(encode(made))
    return merge([tmp_path / "in"], [tmp_path / "m.json"], None, tmp_path / "out")


def test_an_alarm_is_seen_in_every_report_and_is_not_red(tmp_path: Path) -> None:
    head = merged(tmp_path, planned(minutes=4.0))
    assert not head.red
    assert [(row.shard, row.actual, row.off, row.alarm) for row in head.minutes] == [
        (n, 1.0, -0.75, True) for n in range(3)
    ]
    assert decode((tmp_path / "out/results.json").read_bytes(), Report).minutes == head.minutes
    summary = (tmp_path / "out/summary.md").read_text()
    assert "✅" in summary
    assert summary.count("3 of 3 shards took over 25% more or less than planned") == 2
    assert "| `s/cpu/0` | 4.0 | 1.0 | -75% | ⚠️ |" in summary
    assert "| together | 12.0 | 3.0 | -75% | |" in summary
    book = openpyxl.load_workbook(tmp_path / "out/report.xlsx")
    rows = list(book["Shards"].iter_rows(min_row=2))
    assert [[cell.value for cell in row] for row in rows] == [
        ["s", "cpu", n, 1, 4, 1, 1, -0.75, "yes"] for n in range(3)
    ]
    assert all(row[7].fill.fgColor.rgb.endswith("FFE699") and row[7].number_format == "0%" for row in rows)
    assert any("MINUTES: 3 of 3" in str(cell) for row in book["Summary"].values for cell in row)


def test_as_planned_there_is_no_alarm(tmp_path: Path) -> None:
    merged(tmp_path, planned(minutes=1.1))
    summary = (tmp_path / "out/summary.md").read_text()
    assert "than planned" not in summary
    assert "| `s/cpu/0` | 1.1 | 1.0 | -9% |  |" in summary
    assert not any(
        "MINUTES" in str(c)
        for row in openpyxl.load_workbook(tmp_path / "out/report.xlsx")["Summary"].values
        for c in row
    )


def test_a_shard_that_is_lost_is_not_measured(tmp_path: Path) -> None:
    journal(tmp_path / "in", [record(key(n), shard=0) for n in (1, 2)], shard=0)
    (tmp_path / "m.json").write_bytes(encode(planned()))
    merge([tmp_path / "in"], [tmp_path / "m.json"], None, tmp_path / "out")
    assert "Not measured: 2 shards that did not come to an end." in (tmp_path / "out/summary.md").read_text()


def test_a_matrix_without_set_up_minutes_can_still_be_read(tmp_path: Path) -> None:
    (tmp_path / "m.json").write_bytes(encode(matrix(KEYS)))
    plan = load_plan([tmp_path / "m.json"], None)
    assert plan is not None
    assert [(each.minutes, each.setup_minutes) for each in plan.shards] == [(1.0, 0.0)] * 3

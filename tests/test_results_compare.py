from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from results.cli import main
from results.compare import Change, Comparison, compare
from results.load import Row, Run, load
from results.shard import write_shard
from schemas.case import case_id
from schemas.errors import Exit, UsageError
from schemas.record import Record
from schemas.words import Outcome, Stage
from tests.results_support.build import journal, key, matrix, record, shard_results

P, F, X, M, S, INFRA = Outcome.PASS, Outcome.FAIL, Outcome.XFAIL, Outcome.MISSING, Outcome.SKIP, Outcome.INFRA


def leave(folder: Path, records: list[Record]) -> Path:
    write_shard(folder, shard_results(records), None)
    return folder


def between(tmp_path: Path, old: list[Record], new: list[Record]) -> Comparison:
    return compare(load(leave(tmp_path / "old", old)), load(leave(tmp_path / "new", new)))


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        (P, P, None),
        (P, F, Change.REGRESSION),
        (P, X, Change.REGRESSION),
        (P, Outcome.TIMEOUT, Change.REGRESSION),
        (P, INFRA, Change.REGRESSION),
        (P, M, Change.REGRESSION),
        (P, S, Change.UNJUDGED),
        (P, Outcome.XPASS, None),
        (Outcome.XPASS, P, None),
        (F, P, Change.FIX),
        (X, Outcome.XPASS, Change.FIX),
        (X, F, None),
        (F, Outcome.CRASH, Change.CHANGED),
        (F, M, Change.UNJUDGED),
        (F, S, Change.UNJUDGED),
        (M, P, Change.JUDGED),
        (S, F, Change.JUDGED),
        (M, INFRA, None),
    ],
)
def test_every_pair_of_outcomes_has_one_meaning(
    tmp_path: Path, before: Outcome, after: Outcome, change: Change | None
) -> None:
    found = between(tmp_path, [record(key(0), before)], [record(key(0), after)])
    assert [item.change for item in found.differences] == ([change] if change else [])
    assert found.red == (change is Change.REGRESSION)


def test_another_signature_or_stage_is_a_change(tmp_path: Path) -> None:
    old = [record(key(0), F, signature="a"), record(key(1), F, stage=Stage.COMPILATION)]
    new = [record(key(0), F, signature="b"), record(key(1), F, stage=Stage.COMPARISON)]
    found = between(tmp_path, old, new)
    assert [item.change for item in found.differences] == [Change.CHANGED, Change.CHANGED]
    assert found.differences[0].before == "FAIL at compilation: a"
    assert not found.red


def test_new_and_vanished_cases_are_told_and_green(tmp_path: Path) -> None:
    found = between(tmp_path, [record(key(0)), record(key(1))], [record(key(1)), record(key(2))])
    assert [(d.change, d.case) for d in found.differences] == [
        (Change.NEW, case_id("s", "cpu", key(2))),
        (Change.VANISHED, case_id("s", "cpu", key(0))),
    ]
    assert not found.red


def test_runs_without_a_common_case_are_no_clean_bill(tmp_path: Path) -> None:
    found = between(tmp_path, [record(key(0))], [record(key(1))])
    assert found.red
    assert found.incomparable == ("the two runs have no case in common",)


def test_a_target_that_is_gone_is_told_and_red(tmp_path: Path) -> None:
    old = [record(key(0)), record(key(0), target="vmvx")]
    found = between(tmp_path, old, [record(key(0))])
    assert found.incomparable == ("s on vmvx: 1 old cases, none in the new run",)
    assert found.red


def test_a_new_target_is_told_and_green(tmp_path: Path) -> None:
    found = between(tmp_path, [record(key(0))], [record(key(0)), record(key(0), target="vmvx")])
    assert [(o.target, o.old, o.new, o.both) for o in found.overlaps] == [("cpu", 1, 1, 1), ("vmvx", 0, 1, 0)]
    assert not found.red


def test_a_partial_run_may_leave_a_target_out(tmp_path: Path) -> None:
    old = load(leave(tmp_path / "old", [record(key(0)), record(key(0), target="vmvx")]))
    new = msgspec.structs.replace(load(leave(tmp_path / "new", [record(key(0))])), partial=True)
    assert not compare(old, new).red


@given(st.dictionaries(st.integers(0, 5), st.sampled_from(Outcome), min_size=1))
def test_a_run_against_itself_has_no_difference(outcomes: dict[int, Outcome]) -> None:
    rows = {}
    for number, outcome in outcomes.items():
        kind = outcome if outcome in (F, INFRA, Outcome.CRASH) else None
        case = case_id("s", "cpu", key(number))
        rows[case] = Row(
            case=case,
            suite="s",
            target="cpu",
            outcome=outcome,
            exit_status="PASS",
            kind=kind,
            signature="",
            seconds=1.0,
        )
    run = Run(name="a", partial=False, rows=rows)
    assert compare(run, run).differences == ()
    assert not compare(run, run).red


def test_a_folder_of_shards_and_a_merged_report_read_alike(tmp_path: Path) -> None:
    journal(tmp_path / "tree/s/cpu/0", [record(key(0))])
    journal(tmp_path / "tree/s/cpu/1", [record(key(1), F, shard=1)], shard=1)
    (tmp_path / "m.json").write_bytes(msgspec.json.encode(matrix([[key(0)], [key(1)]])))
    words = ["merge", str(tmp_path / "tree"), "--matrix", str(tmp_path / "m.json"), "--out", str(tmp_path / "report")]
    assert main(words) == Exit.UNEXPECTED
    tree, report = load(tmp_path / "tree"), load(tmp_path / "report")
    assert tree.rows == report.rows == load(tmp_path / "report/results.json").rows


@pytest.mark.parametrize("text", [b"", b"{}", b'{"schema": "x", "records": []}'])
def test_what_is_no_results_json_is_a_usage_error(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "results.json").write_bytes(text)
    with pytest.raises(UsageError, match=r"results\.json"):
        load(tmp_path)


def test_a_case_twice_in_one_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="twice"):
        load(leave(tmp_path, [record(key(0)), record(key(0))]))


def test_a_cut_off_folder_cannot_be_compared_unmerged(tmp_path: Path) -> None:
    journal(tmp_path / "tree/0", [record(key(0))], planned=9, complete=False)
    with pytest.raises(UsageError, match="cut off after 1 of 9"):
        load(tmp_path / "tree")


def test_the_command_prints_markdown_or_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = leave(tmp_path / "old", [record(key(0))]), leave(tmp_path / "new", [record(key(0), F)])
    assert main(["compare", str(old), str(new)]) == Exit.UNEXPECTED
    text = capsys.readouterr().out
    assert "**1 regressions**" in text
    assert "## Regressions (1)" in text
    assert main(["compare", str(new), str(old), "--format", "json"]) == Exit.OK
    found = msgspec.json.decode(capsys.readouterr().out, type=Comparison)
    assert found.counts[Change.FIX] == 1
    assert main(["compare", str(old), str(tmp_path / "none")]) == Exit.USAGE

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from results.cli import main
from results.merge import load_plan, merge, merged
from results.shard import write_shard
from results.writers import json_file
from schemas.case import case_id
from schemas.codec import decode, encode, encode_pretty
from schemas.errors import Exit, UsageError
from schemas.matrix import Matrix, SelectedShard, Selection
from schemas.record import Record
from schemas.report import ProblemKind, Report, ReportHead
from schemas.words import Outcome
from tests.results_support.build import DIGEST, journal, key, matrix, record, shard_results

PLANNED = matrix([[key(0), key(1), key(2)], [key(3), key(4)]])


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "matrix.json"
    path.write_bytes(encode_pretty(PLANNED))
    return path


def run(tmp_path: Path, plan: Path, *inputs: Path, selection: Path | None = None) -> Report:
    out = tmp_path / "report"
    merge(inputs or [tmp_path / "in"], [plan], selection, out)
    return decode((out / "results.json").read_bytes(), Report)


def outcomes(report: Report) -> list[tuple[str, str]]:
    return [(item.case.rpartition("_")[2].partition("@")[0], item.outcome.value) for item in report.records]


def red(report: ReportHead) -> set[ProblemKind]:
    return {problem.kind for problem in report.problems if problem.red}


def test_whole_shards_make_a_green_report_with_full_records(tmp_path: Path, plan: Path) -> None:
    one = [record(key(n)) for n in range(3)]
    two = [record(key(3), Outcome.XFAIL, shard=1), record(key(4), Outcome.SKIP, shard=1)]
    journal(tmp_path / "in/a", one)
    journal(tmp_path / "in/b/deep", two, shard=1)
    report = run(tmp_path, plan)
    assert report.records == (*one, *two)
    assert not report.red
    assert report.problems == ()
    assert [(e.suite, e.target, e.shard, e.taken, e.complete) for e in report.shards] == [
        ("s", "cpu", 0, 3, True),
        ("s", "cpu", 1, 2, True),
    ]
    assert report.totals[Outcome.PASS] == 3
    assert sum(report.totals.values()) == 5


def test_a_lost_shard_leaves_missing_cases(tmp_path: Path, plan: Path) -> None:
    journal(tmp_path / "in/a", [record(key(n)) for n in range(3)])
    report = run(tmp_path, plan)
    assert outcomes(report)[3:] == [("0003", "MISSING"), ("0004", "MISSING")]
    assert report.missing[0].why == "shard absent: no results of s/cpu/1 were found"
    assert report.red


def test_nothing_at_all_is_a_report_of_missing_cases(tmp_path: Path, plan: Path) -> None:
    report = run(tmp_path, plan, tmp_path / "nowhere")
    assert {outcome for _, outcome in outcomes(report)} == {"MISSING"}
    assert red(report) == {ProblemKind.ABSENT}


def test_a_killed_shard_tells_started_from_never_begun(tmp_path: Path, plan: Path) -> None:
    begun = case_id("s", "cpu", key(1))
    journal(tmp_path / "in/a", [record(key(0))], started=[begun], planned=3, complete=False)
    report = run(tmp_path, plan)
    assert outcomes(report)[:3] == [("0000", "PASS"), ("0001", "CRASH"), ("0002", "MISSING")]
    crash = report.records[1]
    assert crash.error is not None
    assert crash.error.signature == "started, no result"
    assert crash.exit_status == "unknown"
    assert "shard cut off before it" in report.missing[0].why


def test_a_line_cut_in_the_middle_costs_only_its_case(tmp_path: Path, plan: Path) -> None:
    path = journal(tmp_path / "in/a", [record(key(n)) for n in range(3)], complete=False)
    data = path.read_bytes()
    path.write_bytes(data[: data.rindex(b'"outcome"')])
    report = run(tmp_path, plan)
    assert outcomes(report)[:3] == [("0000", "PASS"), ("0001", "PASS"), ("0002", "CRASH")]
    assert red(report) == set()


def test_a_resumed_journal_is_one_journal(tmp_path: Path, plan: Path) -> None:
    path = journal(tmp_path / "in/a", [record(key(0))], started=[case_id("s", "cpu", key(1))], complete=False)
    rest = journal(tmp_path / "rest", [record(key(1)), record(key(2))]).read_bytes()
    path.write_bytes(path.read_bytes() + b'{"kind":"rec\n' + rest)
    report = run(tmp_path, plan)
    assert outcomes(report)[:3] == [("0000", "PASS"), ("0001", "PASS"), ("0002", "PASS")]
    assert red(report) == set()


def test_a_damaged_line_is_named_and_the_rest_kept(tmp_path: Path, plan: Path) -> None:
    path = journal(tmp_path / "in/a", [record(key(n)) for n in range(3)])
    lines = path.read_bytes().split(b"\n")
    lines[4] = b'{"kind":"record","record":{"case":7}}'
    path.write_bytes(b"\n".join(lines))
    report = run(tmp_path, plan)
    assert outcomes(report)[:3] == [("0000", "PASS"), ("0001", "CRASH"), ("0002", "PASS")]
    assert [(p.kind, p.text) for p in report.problems if p.red] == [
        (ProblemKind.DAMAGED, "line 5 of records.jsonl is unreadable")
    ]


def test_results_json_stands_in_for_a_damaged_journal(tmp_path: Path, plan: Path) -> None:
    records = [record(key(n)) for n in range(3)]
    folder = tmp_path / "in/a"
    path = journal(folder, records)
    write_shard(folder, shard_results(records), PLANNED)
    path.write_bytes(b"\x00garbage\n" + path.read_bytes()[40:])
    report = run(tmp_path, plan)
    assert report.records[:3] == tuple(records)
    assert red(report) == set()
    assert any("all records were taken from results.json" in problem.text for problem in report.problems)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"schema": "e2eshard.other/9"}', b"\xff\xfe", b"[" * 100_000])
def test_an_unreadable_results_json_is_named(tmp_path: Path, plan: Path, text: bytes) -> None:
    folder = tmp_path / "in/a"
    folder.mkdir(parents=True)
    (folder / "results.json").write_bytes(text)
    assert red(run(tmp_path, plan)) == {ProblemKind.DAMAGED}


def test_an_oversized_line_is_damage_and_not_memory(
    tmp_path: Path, plan: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("results.journal.MAX_LINE", 5000)
    path = journal(tmp_path / "in/a", [record(key(0)), record(key(1)), record(key(2))])
    lines = path.read_bytes().splitlines(keepends=True)
    lines.insert(3, b'"' + b"x" * 20_000 + b'"\n')
    path.write_bytes(b"".join(lines))
    report = run(tmp_path, plan)
    assert outcomes(report)[:3] == [("0000", "PASS"), ("0001", "PASS"), ("0002", "PASS")]
    assert red(report) == {ProblemKind.DAMAGED}


def test_several_attempts(tmp_path: Path, plan: Path) -> None:
    journal(tmp_path / "in/1", [record(key(0), Outcome.FAIL), record(key(1)), record(key(2))])
    journal(tmp_path / "in/2", [record(key(0), attempt=2)], attempt=2)
    journal(tmp_path / "in/3", [record(key(3), shard=1), record(key(4), shard=1)], shard=1)
    report = run(tmp_path, plan)
    assert not report.red
    assert report.records[0].attempt == 2
    assert [(old.case, old.attempt, old.outcome) for old in report.superseded] == [
        (case_id("s", "cpu", key(0)), 1, Outcome.FAIL)
    ]


def test_the_same_folder_twice_counts_once(tmp_path: Path, plan: Path) -> None:
    journal(tmp_path / "in/1", [record(key(n)) for n in range(3)])
    journal(tmp_path / "in/2", [record(key(n), shard=1) for n in (3, 4)], shard=1)
    shutil.copytree(tmp_path / "in/1", tmp_path / "in/copy")
    report = run(tmp_path, plan)
    assert not report.red
    assert [problem.kind for problem in report.problems] == [ProblemKind.IGNORED]


def test_two_runs_of_a_shard_in_one_attempt_are_a_problem(tmp_path: Path, plan: Path) -> None:
    journal(tmp_path / "in/1", [record(key(n)) for n in range(3)])
    journal(tmp_path / "in/2", [record(key(n), seconds=9.0) for n in range(3)])
    report = run(tmp_path, plan)
    assert red(report) == {ProblemKind.DUPLICATE}
    assert len(report.problems[0].cases) == 3


def test_a_journal_of_another_matrix_is_not_taken(tmp_path: Path, plan: Path) -> None:
    journal(tmp_path / "in/1", [record(key(n)) for n in range(3)], digest="e" * 64)
    report = run(tmp_path, plan)
    assert red(report) == {ProblemKind.STALE}
    assert report.totals[Outcome.PASS] == 0
    assert "eeeeeeeeeeee" in report.missing[0].why


def test_a_record_that_belongs_to_another_target_is_not_taken(tmp_path: Path, plan: Path) -> None:
    journal(tmp_path / "in/1", [record(key(0), target="vmvx")])
    report = run(tmp_path, plan)
    assert red(report) == {ProblemKind.UNPLANNED}
    assert report.totals[Outcome.PASS] == 0


def test_a_selection_is_partial_and_owes_only_what_was_chosen(tmp_path: Path, plan: Path) -> None:
    chosen = Selection(
        suite="s",
        targets=("cpu",),
        tests="test_000[01]",
        partial=True,
        shards=(SelectedShard(target="cpu", shard=0, cases=(key(0), key(1))),),
    )
    file = tmp_path / "selection.json"
    file.write_bytes(encode(chosen))
    journal(tmp_path / "in/1", [record(key(0)), record(key(1))])
    report = run(tmp_path, plan, selection=file)
    assert outcomes(report) == [("0000", "PASS"), ("0001", "PASS")]
    assert not report.red
    assert report.partial
    summary = (tmp_path / "report/summary.md").read_text()
    assert "**PARTIAL**: `2 selected cases of s" in summary
    journal(tmp_path / "in/2", [record(key(3), shard=1)], shard=1)
    assert red(run(tmp_path, plan, selection=file)) == {ProblemKind.UNPLANNED}


def test_without_a_matrix_the_run_is_unplanned(tmp_path: Path) -> None:
    journal(tmp_path / "in/1", [record(key(0), shard=None)], shard=None, digest="")
    head = merge([tmp_path / "in"], [], None, tmp_path / "report")
    assert not head.planned
    assert not head.red
    assert "UNPLANNED" in (tmp_path / "report/summary.md").read_text()


def test_without_a_matrix_a_cut_off_run_is_red(tmp_path: Path) -> None:
    journal(tmp_path / "in/1", [record(key(0))], planned=5, complete=False)
    assert red(merge([tmp_path / "in"], [], None, tmp_path / "report")) == {ProblemKind.CUT_OFF}


def test_a_merged_report_among_the_inputs_is_ignored(tmp_path: Path, plan: Path) -> None:
    journal(tmp_path / "in/1", [record(key(n)) for n in range(3)])
    journal(tmp_path / "in/2", [record(key(n), shard=1) for n in (3, 4)], shard=1)
    merge([tmp_path / "in"], [plan], None, tmp_path / "in")
    head = merge([tmp_path / "in"], [plan], None, tmp_path / "in")
    assert not head.red
    assert [problem.kind for problem in head.problems] == [ProblemKind.IGNORED]


def test_a_linked_journal_is_refused(tmp_path: Path, plan: Path) -> None:
    real = journal(tmp_path / "elsewhere", [record(key(0))])
    (tmp_path / "in/1").mkdir(parents=True)
    (tmp_path / "in/1/records.jsonl").symlink_to(real)
    assert red(run(tmp_path, plan)) == {ProblemKind.REFUSED}


def test_a_linked_folder_is_refused_and_an_odd_name_is_readable(tmp_path: Path, plan: Path) -> None:
    journal(tmp_path / "elsewhere/0", [record(key(n)) for n in range(3)])
    odd = tmp_path / "in" / os.fsdecode(b"odd-\xff")
    journal(odd, [record(key(3), shard=1), record(key(4), shard=1)], shard=1)
    (tmp_path / "in/link").symlink_to(tmp_path / "elsewhere")
    report = run(tmp_path, plan)
    assert red(report) == {ProblemKind.REFUSED}
    assert report.totals[Outcome.PASS] == 2
    assert report.shards[0].file.endswith("odd-?")


def test_different_builds_of_a_tool_are_told(tmp_path: Path, plan: Path) -> None:
    journal(tmp_path / "in/1", [record(key(n)) for n in range(3)])
    path = journal(tmp_path / "in/2", [record(key(n), shard=1) for n in (3, 4)], shard=1)
    path.write_bytes(path.read_bytes().replace(b"3.13.0", b"3.14.0"))
    report = run(tmp_path, plan)
    assert [problem.kind for problem in report.problems] == [ProblemKind.MIXED_TOOLS]
    assert not report.red


@pytest.mark.parametrize(
    ("text", "told"),
    [(b"{}", "is no matrix"), (encode(PLANNED).replace(b"matrix/1", b"matrix/9"), "e2eshard.matrix/9")],
)
def test_a_file_that_is_no_matrix_is_a_usage_error(tmp_path: Path, text: bytes, told: str) -> None:
    (tmp_path / "m.json").write_bytes(text)
    with pytest.raises(UsageError, match=told):
        merge([tmp_path], [tmp_path / "m.json"], None, tmp_path / "report")


def test_exit_codes(tmp_path: Path, plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    journal(tmp_path / "in/1", [record(key(n)) for n in range(3)])
    words = ["merge", str(tmp_path / "in"), "--matrix", str(plan), "--out", str(tmp_path / "report")]
    assert main(words) == Exit.UNEXPECTED
    assert "MISSING=2" in capsys.readouterr().out
    journal(tmp_path / "in/2", [record(key(n), shard=1) for n in (3, 4)], shard=1)
    assert main(words) == Exit.OK
    assert main(["merge", str(tmp_path / "nothing"), "--out", str(tmp_path / "report")]) == Exit.USAGE


def _planned(found: Matrix) -> list[str]:
    return sorted(case_id("s", t.target, k) for t in found.targets for s in t.shards for k in s.cases)


@st.composite
def folders(draw: st.DrawFn) -> list[tuple[bytes, int]]:
    """Journals with random cases and attempts, cut anywhere, overwritten anywhere."""
    made = []
    for _ in range(draw(st.integers(0, 4))):
        shard = draw(st.integers(0, 1))
        attempt = draw(st.integers(1, 2))
        digest = draw(st.sampled_from([DIGEST, DIGEST, DIGEST, "f" * 64]))
        numbers = draw(st.lists(st.integers(0, 6), max_size=4))
        records: list[Record] = [
            record(key(n), draw(st.sampled_from([Outcome.PASS, Outcome.FAIL])), shard=shard) for n in numbers
        ]
        with tempfile.TemporaryDirectory() as name:
            data = journal(Path(name), records, shard=shard, attempt=attempt, digest=digest).read_bytes()
        if draw(st.booleans()):
            data = data[: draw(st.integers(0, len(data)))]
        if data and draw(st.booleans()):
            at = draw(st.integers(0, len(data) - 1))
            data = data[:at] + draw(st.binary(min_size=1, max_size=5)) + data[at + 3 :]
        made.append((data, shard))
    return made


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(folders())
def test_nothing_vanishes_whatever_the_shards_left(plan: Path, found: list[tuple[bytes, int]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        for number, (data, _) in enumerate(found):
            (top / f"in/{number}").mkdir(parents=True)
            (top / f"in/{number}/records.jsonl").write_bytes(data)
        texts = []
        for order in itertools.islice(itertools.permutations(range(len(found))), 2):
            inputs = [top / f"in/{number}" for number in order] or [top]
            with merged(inputs, load_plan([plan], None)) as view:
                json_file.write(view, top / "results.json")
            texts.append((top / "results.json").read_bytes())
        assert len(set(texts)) == 1
        report = decode(texts[0], Report)
        assert [item.case for item in report.records] == _planned(PLANNED)
        for item in report.records:
            if item.outcome is Outcome.PASS:
                assert any(item.case.encode() in data for data, _ in found)
        assert sum(report.totals.values()) == len(report.records)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_records_content(tmp_path: Path) -> None:
    """30,000 full records are about 40 MB of JSON; a merge keeps names and places only."""
    for shard in range(30):
        journal(
            tmp_path / f"in/{shard}", [record(key(shard * 1000 + n), shard=shard) for n in range(1000)], shard=shard
        )
    plan = tmp_path / "m.json"
    plan.write_bytes(encode(matrix([[key(shard * 1000 + n) for n in range(1000)] for shard in range(30)])))
    code = f"""
import re, sys
from pathlib import Path
from results.merge import load_plan, merged
from results.writers import json_file, junit, markdown
top = Path({str(tmp_path)!r})
with merged([top / "in"], load_plan([top / "m.json"], None)) as view:
    for name, writer in (("a", json_file), ("b", junit), ("c", markdown)):
        writer.write(view, top / name)
# Not ru_maxrss, which starts with the size of the process that called exec.
print(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert int(done.stdout) < 120_000, "kilobytes"

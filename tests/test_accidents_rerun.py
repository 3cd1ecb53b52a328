"""An unexpected failure is run a second time, alone: what agrees is confirmed, what differs is flaky, red and told."""

from __future__ import annotations

import io
import itertools
import json
import pathlib
import time
from datetime import datetime
from xml.etree import ElementTree as ET

import msgspec
import openpyxl
import pytest

from results.cli import main
from results.merge import merge
from runner.journal import read_journal
from runner.retry import doubtful, settle
from schemas.codec import decode
from schemas.record import CaseRecord, CaseRerun, ErrorInfo, Record, Rerun
from schemas.report import Report
from schemas.words import Outcome, Stage
from tests.accidents_support.build import accident_suite, run
from tests.accidents_support.worker import STATE
from tests.results_support.build import record
from tests.runner_support.build import FakeSuite

FAILED = record("m@onnx", Outcome.FAIL, signature="in one way")
SAME = "same again when run alone"


def again(outcome: Outcome, stage: Stage = Stage.COMPILATION, signature: str = "in one way") -> Record:
    return record("m@onnx", outcome, stage=stage, signature=signature)


@pytest.mark.parametrize(
    ("first", "second", "flaky", "note"),
    [
        (FAILED, again(Outcome.FAIL), False, SAME),
        (FAILED, again(Outcome.FAIL, signature="in another"), True, "ended as FAIL at compilation: in another"),
        (FAILED, again(Outcome.FAIL, Stage.IMPORT_MODEL), True, "ended as FAIL at import_model: in one way"),
        (FAILED, again(Outcome.CRASH), True, "ended as CRASH at compilation: in one way"),
        (FAILED, again(Outcome.PASS), True, "ended as PASS"),
        (FAILED, again(Outcome.XFAIL), True, "ended as XFAIL at compilation: in one way"),
        (FAILED, again(Outcome.INFRA, signature="no disk"), False, "no verdict: INFRA at compilation: no disk"),
        (again(Outcome.XPASS), again(Outcome.XPASS), False, SAME),
        (again(Outcome.XPASS), again(Outcome.XFAIL), True, "ended as XFAIL"),
        (again(Outcome.OOM, signature="a"), again(Outcome.OOM, signature="b"), False, SAME),
        (again(Outcome.OOM), again(Outcome.OOM, Stage.IMPORT_MODEL), True, "ended as OOM at import_model"),
        (again(Outcome.TIMEOUT), again(Outcome.TIMEOUT), False, SAME),
    ],
)
def test_two_runs_agree_in_kind_stage_and_signature(first: Record, second: Record, flaky: bool, note: str) -> None:
    settled = settle(first, second)
    assert settled.flaky is flaky
    assert note in settled.notes[-1]
    assert settled.outcome is first.outcome, "what counts is the first run's end: it is never silently green"
    assert settled.rerun is not None
    assert (settled.rerun.outcome, settled.rerun.error) == (second.outcome, second.error)
    kept = msgspec.structs.replace(settled, rerun=None, flaky=False, notes=first.notes)
    assert kept == first


def test_only_unexpected_ends_are_doubted_and_only_once_and_the_quickest_first() -> None:
    records = [record(f"{outcome}@onnx", outcome, seconds=10.0 - number) for number, outcome in enumerate(Outcome)]
    wanted = {Outcome.FAIL, Outcome.XPASS, Outcome.TIMEOUT, Outcome.CRASH, Outcome.OOM}
    assert [case.split("/")[-1].partition("@")[0] for case in doubtful(records)] == [
        outcome for outcome in reversed(Outcome) if outcome in wanted
    ]
    done = [msgspec.structs.replace(each, rerun=Rerun(outcome=each.outcome, exit_status="x")) for each in records]
    assert doubtful(done) == ()


NAMES = ["fails-compilation", "flips-setup", "differs-comparison", "segfault-import_model", "slows-setup", "full-setup"]
GOOD = [f"naps-setup-{number}" for number in range(4)]


@pytest.fixture(name="ran", scope="module")
def _ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[FakeSuite, str]:
    suite = accident_suite(tmp_path_factory.mktemp("rerun"), [*NAMES, *GOOD], stage="2s")
    done = run(suite, "--jobs", "3")
    assert done.returncode == 1, done.stderr
    return suite, done.stdout


@pytest.mark.slow
def test_what_agrees_stands_and_what_differs_is_flaky(ran: tuple[FakeSuite, str]) -> None:
    records = ran[0].records()
    ends = {name: (str(r.outcome), r.flaky, r.rerun and str(r.rerun.outcome)) for name, r in records.items()}
    assert ends == {
        "fails-compilation": ("FAIL", False, "FAIL"),
        "flips-setup": ("FAIL", True, "PASS"),
        "differs-comparison": ("FAIL", True, "CRASH"),
        "segfault-import_model": ("CRASH", False, "CRASH"),
        "slows-setup": ("FAIL", True, "TIMEOUT"),
        "full-setup": ("INFRA", False, None),
        **dict.fromkeys(GOOD, ("PASS", False, None)),
    }
    assert records["fails-compilation"].notes == (SAME,)
    crash = records["differs-comparison"].rerun
    assert crash is not None
    assert crash.error == ErrorInfo(signature="SIGSEGV in comparison")


@pytest.mark.slow
def test_the_journal_holds_both_and_second_runs_are_alone(ran: tuple[FakeSuite, str]) -> None:
    suite, _ = ran
    kinds = [type(line) for line in suite.lines()]
    assert kinds.count(CaseRecord) == 10
    assert kinds.count(CaseRerun) == 5
    assert kinds.index(CaseRerun) > max(n for n, kind in enumerate(kinds) if kind is CaseRecord)
    runs = sorted(
        (datetime.fromisoformat(line.record.rerun.started), line.record.rerun.seconds)
        for line in suite.lines()
        if isinstance(line, CaseRerun) and line.record.rerun is not None
    )
    for (begun, seconds), (following, _) in itertools.pairwise(runs):
        assert (following - begun).total_seconds() >= seconds - 0.01, "two second runs at the same time"
    state = read_journal(suite.folder() / "records.jsonl")
    assert state.complete
    assert sum(each.flaky for each in state.records.values()) == 3


@pytest.mark.slow
def test_flaky_is_counted_apart_in_every_report(ran: tuple[FakeSuite, str]) -> None:
    suite, said = ran
    folder = suite.folder()
    report = decode((folder / "results.json").read_bytes(), Report)
    assert (report.flaky, report.groups[0].flaky, report.red) == (3, 3, True)
    assert report.totals[Outcome.FAIL] == 4
    summary = (folder / "summary.md").read_text()
    assert "6 of 10 cases unexpected, 3 of them flaky" in summary
    assert "## Flaky (3)" in summary
    assert "`FAIL at setup: only once`, then `PASS`" in summary
    book = openpyxl.load_workbook(io.BytesIO((folder / "report.xlsx").read_bytes()))
    assert [row[3] for row in book["Flaky"].iter_rows(min_row=2, values_only=True)].count("PASS") == 1
    head, *rows = book["Cases"].iter_rows(values_only=True)
    assert [row[head.index("flaky")] for row in rows].count("yes") == 3
    properties = [
        {each.get("name"): each.get("value") for each in case.iter("property")}
        for case in ET.parse(folder / "junit.xml").iter("testcase")  # noqa: S314  (our own file)
    ]
    assert sum(each.get("flaky") == "true" for each in properties) == 3
    assert sum("rerun" in each for each in properties) == 5
    assert "10 cases: 1 CRASH, 4 FAIL, 1 INFRA, 4 PASS (3 flaky)" in said
    assert "again   onnx/flips-setup@onnx: flaky: run again alone, it ended as PASS" in said


@pytest.mark.slow
def test_a_merge_takes_the_second_runs_line(ran: tuple[FakeSuite, str], tmp_path: pathlib.Path) -> None:
    suite, _ = ran
    matrix = suite.root / ".github" / "matrices" / "fakes.json"
    head = merge([suite.root / "out"], [matrix], None, tmp_path / "report")
    assert (head.flaky, head.red, head.problems) == (3, True, ())
    merged = decode((tmp_path / "report" / "results.json").read_bytes(), Report)
    assert merged.records == decode((suite.folder() / "results.json").read_bytes(), Report).records


@pytest.mark.slow
def test_logs_of_a_flaky_second_run_are_kept_and_agreeing_ones_are_not(ran: tuple[FakeSuite, str]) -> None:
    again = ran[0].folder() / "again"
    left = {path.relative_to(again).parts[2].partition("@")[0] for path in again.rglob("*") if path.is_file()}
    assert {each.partition("__")[0] for each in left} <= {"flips-setup", "differs-comparison", "slows-setup"}
    assert "differs-comparison" in {each.partition("__")[0] for each in left}


@pytest.mark.slow
def test_expectations_leave_flaky_cases_as_they_are(
    ran: tuple[FakeSuite, str], capsys: pytest.CaptureFixture[str]
) -> None:
    suite, _ = ran
    main(["expectations", str(suite.folder()), "--suites", str(suite.suites), "--cause", "a test"])
    printed = capsys.readouterr()
    assert "fails-compilation" in printed.out
    assert "segfault-import_model" in printed.out
    for name in ("flips", "differs", "slows"):
        assert name not in printed.out
    assert "3 flaky case(s) keep what the files say of them" in printed.err


def test_no_rerun_runs_once(tmp_path: pathlib.Path) -> None:
    suite = accident_suite(tmp_path, ["flips-setup"])
    assert run(suite, "--no-rerun").returncode == 1
    found = suite.records()["flips-setup"]
    assert (found.rerun, found.notes) == (None, ())


@pytest.mark.slow
def test_a_run_killed_between_the_two_runs_goes_on_there(tmp_path: pathlib.Path) -> None:
    names = ["flips-setup", "slows-setup", "fails-setup"]
    suite = accident_suite(tmp_path, names)
    count = tmp_path / "state" / "onnx_slows-setup@onnx.runs"
    with suite.start("--shard", "fakes/cpu/0", "--jobs", "1", **{STATE: str(tmp_path / "state")}) as process:
        try:
            patience = time.monotonic() + 60
            while not count.exists() or count.stat().st_size < 2:
                assert time.monotonic() < patience
                time.sleep(0.02)
        finally:
            process.kill()
    assert set(suite.records()) == set(names), "all first results are in the journal"
    assert suite.records()["slows-setup"].rerun is None
    done = run(suite, "--resume", "--timeout", "1s")
    assert done.returncode == 1, done.stderr
    records = suite.records()
    assert {name: bool(each.rerun) for name, each in records.items()} == dict.fromkeys(names, True)
    assert records["flips-setup"].flaky
    assert not records["fails-setup"].flaky
    assert sum(isinstance(line, CaseRecord) for line in suite.lines()) == 3
    assert sum(isinstance(line, CaseRerun) for line in suite.lines()) == 3


@pytest.mark.slow
def test_a_second_run_cut_off_by_the_shards_deadline_leaves_the_first_result(tmp_path: pathlib.Path) -> None:
    suite = accident_suite(tmp_path, ["slows-setup", "fails-setup"], stage="1s", timeout="2s", shard_timeout="8s")
    done = run(suite, "--jobs", "1", "--timeout-scale", "30")
    assert done.returncode == 1
    assert "1 of them could not be run a second time" in done.stdout
    records = suite.records()
    assert (records["slows-setup"].outcome, records["slows-setup"].rerun) == (Outcome.FAIL, None)
    assert records["fails-setup"].rerun is not None
    assert json.loads((suite.folder() / "results.json").read_bytes())["red"] is True
    assert read_journal(suite.folder() / "records.jsonl").complete, "every case has its record"

"""`results expectations` as a command: what it writes, prints and refuses."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings

from results.cli import main
from results.expectations.command import propose
from results.expectations.gap import Gap
from results.shard import write_shard
from schemas.errors import Exit
from schemas.record import Record
from schemas.words import Outcome, Stage
from suites import workspace
from tests.results_support.build import record, shard_results
from tests.results_support.expected import RUNS, TEXT, key
from tests.results_support.workspace import make_suites


def leave(folder: Path, records: list[Record]) -> Path:
    write_shard(folder, shard_results(records), None)
    return folder


def test_the_command_writes_a_file_that_the_suites_load(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    suites = make_suites(tmp_path / "suites")
    run = leave(
        tmp_path / "run",
        [
            record(key("abs"), Outcome.FAIL),
            record(key("add"), Outcome.CRASH, signature="SIGSEGV"),
            record(key("cos"), Outcome.FAIL, stage=Stage.COMPARISON, signature="3 of 60 elements differ"),
            record(key("erf")),
            record(key("exp"), Outcome.INFRA),
            record(key("log"), Outcome.MISSING),
        ],
    )
    words = ["expectations", str(run), "--suites", str(suites)]
    assert main(words) == Exit.OK
    diff = capsys.readouterr().out
    assert "+++ b/" in diff
    assert not (suites / "expectations").exists(), "without --write nothing is written"
    assert main([*words, "--write"]) == Exit.OK
    loaded = {c.key: c.expectation for c in workspace.load(suites).suite("s").cases if c.expectation is not None}
    assert {k: (e.stage, e.outcome, e.signature) for k, e in loaded.items()} == {
        key("abs"): (Stage.COMPILATION, Outcome.FAIL, "failed to legalize operation 'torch.operator'"),
        key("add"): (Stage.COMPILATION, Outcome.CRASH, "SIGSEGV"),
        key("cos"): (Stage.COMPARISON, Outcome.FAIL, "3 of 60 elements differ"),
    }
    capsys.readouterr()
    assert main([*words, "--write"]) == Exit.OK
    assert "nothing to change" in capsys.readouterr().err


def test_a_fixed_case_is_removed_by_the_command(tmp_path: Path) -> None:
    suites = make_suites(tmp_path / "suites")
    file = suites / "expectations/s.cpu.yaml"
    file.parent.mkdir()
    file.write_text(TEXT)
    run = leave(tmp_path / "run", [record(key("neg"), Outcome.XPASS), record(key("abs"), Outcome.XFAIL)])
    assert main(["expectations", str(run), "--suites", str(suites), "--write"]) == Exit.OK
    assert "test_neg" not in file.read_text()
    assert "test_exp" in file.read_text(), "a case that did not run keeps its entry"


def test_the_printed_patch_applies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    suites = make_suites(tmp_path / "suites")
    file = suites / "expectations/s.cpu.yaml"
    file.parent.mkdir()
    file.write_text(TEXT)
    run = leave(tmp_path / "run", [record(key("neg")), record(key("relu"), Outcome.FAIL), record(key("log"))])
    proposal = propose(run, suites, "")
    assert main(["expectations", str(run), "--suites", str(suites)]) == Exit.OK
    patch = capsys.readouterr().out.replace(f"{tmp_path.as_posix()}/", "/")
    subprocess.run(["git", "apply", "--unsafe-paths", "-p2", "-"], cwd=tmp_path, input=patch.encode(), check=True)
    assert file.read_text() == proposal.patches[0].new


def test_what_cannot_be_declared_is_listed_and_exits_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    suites = make_suites(tmp_path / "suites")
    run = leave(tmp_path / "run", [record(key("abs"), Outcome.FAIL, stage=Stage.SETUP, signature="no file")])
    words = ["expectations", str(run), "--suites", str(suites)]
    assert main(words) == Exit.UNEXPECTED
    assert f"not declared: s/cpu/{key('abs')}: fails at setup" in capsys.readouterr().err
    assert main([*words, "--cause", "the data set is not published", "--write"]) == Exit.OK
    (case,) = [c for c in workspace.load(suites).suite("s").cases if c.expectation is not None]
    assert case.expectation is not None
    assert case.expectation.cause == "the data set is not published"


def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    suites = make_suites(tmp_path / "suites")
    bad = record(key("abs"), Outcome.FAIL, suite="..")
    run = tmp_path / "run"
    write_shard(run, shard_results([bad], suite=".."), None)
    assert main(["expectations", str(run), "--suites", str(suites), "--write"]) == Exit.USAGE
    assert "no manifest allows" in capsys.readouterr().err


@settings(max_examples=5, deadline=None)
@given(RUNS.filter(bool))
def test_what_the_command_writes_always_loads(run: dict[str, Gap | None]) -> None:
    with tempfile.TemporaryDirectory() as name:
        suites = make_suites(Path(name) / "suites")
        records = [
            record(k) if found is None else record(k, found.outcome, stage=found.stage, signature=found.signature)
            for k, found in run.items()
        ]
        assert main(["expectations", str(leave(Path(name) / "run", records)), "--suites", str(suites), "--write"]) == 0
        loaded = {c.key: c.expectation for c in workspace.load(suites).suite("s").cases}
        assert {k for k, e in loaded.items() if e is not None} == {k for k, found in run.items() if found is not None}

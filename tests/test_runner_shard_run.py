"""A whole shard through the command line: one record a case, whatever happens to the cases or to the run."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import time
import uuid

import pytest

from schemas.codec import decode
from schemas.record import CaseStarted, ShardFooter, ShardHeader, ShardResults
from schemas.words import Outcome, SkipReason, Stage, StageStatus
from tests.runner_support.build import FakeSuite, marked
from tests.runner_support.faults import MARKER

REPORTS = {"records.jsonl", "results.json", "junit.xml", "report.xlsx", "summary.md", "logs"}


def wait_until_gone(marker: str, seconds: float = 5) -> list[str]:
    patience = time.monotonic() + seconds
    while (left := marked(marker)) and time.monotonic() < patience:
        time.sleep(0.02)
    return left


def test_every_case_of_a_shard_has_one_record(tmp_path: pathlib.Path) -> None:
    faults = ["passes-1", "passes-2", "segfault", "exit0", "hang", "eat", "garbage", "raises", "gulp", "full_disk"]
    suite = FakeSuite(tmp_path, [faults], stage="2s")
    done = suite.run("--shard", "fakes/cpu/0", "--durations", "2")
    assert done.returncode == 1, done.stderr
    records = suite.records()
    assert {name: str(record.outcome) for name, record in records.items()} == {
        "passes-1": "PASS",
        "passes-2": "PASS",
        "segfault": "CRASH",
        "exit0": "CRASH",
        "hang": "TIMEOUT",
        "eat": "OOM",
        "garbage": "CRASH",
        "raises": "CRASH",
        "gulp": "OOM",
        "full_disk": "INFRA",
    }
    assert {record.exit_status for name, record in records.items() if not name.startswith("passes")} == {"compilation"}
    assert all(record.error and record.error.signature for record in records.values() if record.outcome.is_red)
    lines = suite.lines()
    assert isinstance(lines[0], ShardHeader)
    assert isinstance(lines[-1], ShardFooter)
    assert lines[0].planned == 10
    assert {path.name for path in suite.folder().iterdir()} >= REPORTS
    results = decode((suite.folder() / "results.json").read_bytes(), ShardResults)
    assert {record.case for record in results.records} == {record.case for record in records.values()}
    assert "8 unexpected:" in done.stdout
    assert "2 slowest cases:" in done.stdout
    assert f"python -m runner onnx/segfault@onnx --target cpu --suite fakes --suites {suite.suites}" in done.stdout


def test_a_green_shard_exits_with_0_and_all_shards_of_a_target_run(tmp_path: pathlib.Path) -> None:
    suite = FakeSuite(tmp_path, [["passes-1", "passes-2"], ["passes-3"]])
    done = suite.run("--shard", "fakes/cpu")
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(suite.records(0)) == ["passes-1", "passes-2"]
    assert sorted(suite.records(1)) == ["passes-3"]
    assert suite.records(1)["passes-3"].shard == 1
    assert not (suite.folder() / "work").exists()
    assert list((suite.folder() / "logs").rglob("*.log")) == []


MORE = """\
  - onnx: ./models/naps.onnx
    skip: not today
  - onnx: http://127.0.0.1:9/absent.onnx
"""


@pytest.mark.slow
def test_skipped_cases_and_lost_sources_need_no_process(tmp_path: pathlib.Path) -> None:
    suite = FakeSuite(tmp_path, [["passes"]], more=MORE, planned=["naps", "absent"])
    done = suite.run("--shard", "fakes/cpu/0")
    assert done.returncode == 1, done.stderr
    records = suite.records()
    assert records["passes"].outcome is Outcome.PASS
    skipped, absent = records["naps"], records["absent"]
    assert (skipped.outcome, skipped.skip_reason, skipped.skip_detail) == (
        Outcome.SKIP,
        SkipReason.MANIFEST,
        "not today",
    )
    assert (absent.outcome, absent.exit_status) == (Outcome.INFRA, Stage.SETUP)
    assert absent.stages[0].status is StageStatus.INFRA
    assert absent.error is not None
    assert "127.0.0.1:9" in absent.error.excerpt
    started = [line.case for line in suite.lines() if isinstance(line, CaseStarted)]
    assert started == ["fakes/cpu/onnx/passes@onnx"]


@pytest.mark.slow
def test_a_finished_journal_is_not_run_again(tmp_path: pathlib.Path) -> None:
    suite = FakeSuite(tmp_path, [["passes-1", "exit3"]])
    assert suite.run("--shard", "fakes/cpu/0").returncode == 1
    before = (suite.folder() / "records.jsonl").read_bytes()
    again = suite.run("--shard", "fakes/cpu/0", "--resume")
    assert again.returncode == 1
    assert "1 CRASH, 1 PASS" in again.stdout
    assert (suite.folder() / "records.jsonl").read_bytes() == before
    assert suite.run("--shard", "fakes/cpu/0").returncode == 1  # without --resume all is run anew
    assert len(suite.records()) == 2


def wait_for_records(suite: FakeSuite, wanted: int) -> None:
    patience = time.monotonic() + 60
    path = suite.folder() / "records.jsonl"
    while not path.exists() or path.read_bytes().count(b'"kind":"record"') < wanted:
        assert time.monotonic() < patience
        time.sleep(0.005)


MANY = [f"naps-{n:02}" for n in range(30)]


@pytest.mark.slow
@pytest.mark.parametrize("resumed_jobs", ["1", "4"])
def test_a_killed_shard_leaves_no_process_and_is_resumed(tmp_path: pathlib.Path, resumed_jobs: str) -> None:
    marker = uuid.uuid4().hex
    suite = FakeSuite(tmp_path, [[*MANY, "ignore_sigterm", "daemon"]], stage="3s")
    process = suite.start("--shard", "fakes/cpu/0", **{MARKER: marker})
    wait_for_records(suite, 5)
    assert marked(marker) != []
    process.kill()
    process.communicate()
    assert wait_until_gone(marker) == []
    kept = suite.records()
    assert 5 <= len(kept) < 32
    assert not any(isinstance(line, ShardFooter) for line in suite.lines())
    done = suite.run("--shard", "fakes/cpu/0", "--resume", "--jobs", resumed_jobs, **{MARKER: marker})
    assert done.returncode == 1, done.stderr
    records = suite.records()
    assert sorted(records) == sorted([*MANY, "ignore_sigterm", "daemon"])
    assert {name: records[name] for name in kept} == kept
    assert {name for name, record in records.items() if record.outcome.is_red} == {"ignore_sigterm"}
    results = decode((suite.folder() / "results.json").read_bytes(), ShardResults)
    assert len(results.records) == 32
    assert wait_until_gone(marker) == []


def test_a_killed_zygote_and_a_killed_shard_together_leave_no_case(tmp_path: pathlib.Path) -> None:
    marker = uuid.uuid4().hex
    suite = FakeSuite(tmp_path, [["naps-1", "hang-1", "hang-2"]])
    process = suite.start("--shard", "fakes/cpu/0", "--jobs", "3", **{MARKER: marker})
    wait_for_records(suite, 1)
    zygote = next(int(each.split(":")[0]) for each in marked(marker) if "runner.zygote" in each)
    for pid in (process.pid, zygote):
        os.kill(pid, signal.SIGKILL)
    process.communicate()
    assert wait_until_gone(marker) == []


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_shard_reports_what_is_there(tmp_path: pathlib.Path, number: signal.Signals) -> None:
    marker = uuid.uuid4().hex
    suite = FakeSuite(tmp_path, [["passes-1", "passes-2", "hang-1", "hang-2", "passes-3"]])
    process = suite.start("--shard", "fakes/cpu/0", "--jobs", "3", **{MARKER: marker})
    wait_for_records(suite, 1)
    process.send_signal(number)
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "the same command with --resume goes on from here" in out
    assert wait_until_gone(marker) == []
    results = decode((suite.folder() / "results.json").read_bytes(), ShardResults)
    assert 1 <= len(results.records) < 5
    assert all(record.outcome is Outcome.PASS for record in results.records)
    assert (suite.folder() / "report.xlsx").exists()
    done = suite.run("--shard", "fakes/cpu/0", "--resume", "--timeout", "1s")
    assert done.returncode == 1
    assert sorted(suite.records()) == ["hang-1", "hang-2", "passes-1", "passes-2", "passes-3"]


@pytest.mark.slow
def test_the_shards_own_deadline_ends_it_before_github_does(tmp_path: pathlib.Path) -> None:
    suite = FakeSuite(
        tmp_path, [["hang-1", "hang-2", "hang-3", "passes"]], shard_timeout="3s", timeout="2s", stage="1s"
    )
    done = suite.run("--shard", "fakes/cpu/0", "--jobs", "1", "--timeout", "60s", "--timeout-scale", "10")
    assert done.returncode == 1
    assert "the shard's own deadline of 0:03 ended it" in done.stdout
    assert "MISSING" in done.stdout
    assert not any(isinstance(line, ShardFooter) for line in suite.lines())


def test_annotations_and_summary_on_github(tmp_path: pathlib.Path) -> None:
    suite = FakeSuite(tmp_path, [[*(f"exit3-{n:02}" for n in range(12)), "passes"]])
    summary = tmp_path / "step-summary.md"
    summary.write_text("before\n")
    done = suite.run(
        "--shard", "fakes/cpu/0", GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(summary), GITHUB_RUN_ATTEMPT="3"
    )
    errors = [line for line in done.stdout.splitlines() if line.startswith("::error")]
    assert len(errors) == 10
    assert (
        errors[0].startswith("::error title=CRASH fakes/cpu/onnx/exit3-00@onnx::at compilation%3A")
        or "at comp" in errors[0]
    )
    assert "3 more cases of fakes/cpu/0 ended red" in errors[-1]
    assert sum(line.startswith("::notice") for line in done.stdout.splitlines()) == 1
    assert summary.read_text().startswith("before\n")
    assert "exit3" in summary.read_text()
    assert suite.records()["passes"].attempt == 3


@pytest.mark.parametrize(("keep", "kept"), [("failed", {"exit3"}), ("all", {"exit3", "passes"}), ("none", set())])
def test_bundles_are_kept_as_told(tmp_path: pathlib.Path, keep: str, kept: set[str]) -> None:
    suite = FakeSuite(tmp_path, [["exit3", "passes"]])
    suite.run("--shard", "fakes/cpu/0", "--keep", keep)
    bundles = suite.folder() / "bundles" / "onnx"
    assert {path.name.partition("__")[0] for path in (bundles.iterdir() if bundles.exists() else ())} == kept
    assert {name for name, record in suite.records().items() if record.bundle} == kept
    assert not (suite.folder() / "work").exists()
    for name in kept:  # a worker that died without a word leaves its model, and what it had written
        bundle = bundles / f"{name}__onnx"
        files = {path.relative_to(bundle).as_posix() for path in bundle.rglob("*.*")}
        assert {"bundle.json", f"source/{name}.onnx", "artefacts/module.mlir"} <= files


@pytest.mark.slow
def test_one_model_needs_no_matrix(tmp_path: pathlib.Path) -> None:
    suite = FakeSuite(tmp_path, [["exit3", "passes-1", "passes-2"]])
    (tmp_path / ".github" / "matrices" / "fakes.json").unlink()
    assert suite.run("onnx/passes-1", "--target", "cpu").returncode == 0
    assert list(suite.records("selected")) == ["passes-1"]
    assert suite.run("onnx/passes-*", "--target", "cpu").returncode == 0
    assert sorted(suite.records("selected")) == ["passes-1", "passes-2"]
    assert suite.run("fakes/cpu/onnx/exit3@onnx").returncode == 1
    record = suite.records("selected")["exit3"]
    assert record.shard is None
    repeated = suite.run(*record.reproduce.split()[3:8])
    assert repeated.returncode == 1
    assert json.loads((suite.folder("selected") / "results.json").read_bytes())["shard"] is None

"""A disk that is really full is the machine's failure: no model is blamed, no result lost, and no time wasted."""

from __future__ import annotations

import pathlib
import shutil
import time
from typing import cast

import pytest

from runner import toolchain
from runner.disk import SIGNATURE, Disk, is_full
from runner.failures import StageFailure
from runner.journal import read_journal
from runner.protocol import Job
from runner.tools import invoke
from runner.work import Frontend, Work
from schemas.words import Outcome, Stage, StageStatus
from tests.accidents_support.build import accident_suite, run, small_disk
from tests.results_support.build import record
from tests.runner_support.build import TARGET, case


def fill(path: pathlib.Path) -> None:
    with path.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)


@pytest.mark.parametrize("said", ["LLVM ERROR: IO failure: No space left on device", "Disk quota exceeded"])
def test_a_tool_that_says_so_is_believed(tmp_path: pathlib.Path, said: str) -> None:
    failed = record("m@onnx", Outcome.FAIL, signature=said)
    found = Disk(tmp_path).read(failed)
    assert (found.outcome, found.exit_status, is_full(found)) == (Outcome.INFRA, "compilation", True)
    assert [each.status for each in found.stages] == [StageStatus.PASS, StageStatus.INFRA]
    assert found.error is not None
    assert found.error.signature == SIGNATURE
    assert said in found.error.excerpt
    assert "mend: make room there" in found.error.excerpt


def test_what_says_nothing_of_a_disk_is_left_alone(tmp_path: pathlib.Path) -> None:
    for outcome in Outcome:
        one = record("m@onnx", outcome)
        assert Disk(tmp_path).read(one) is one
    assert Disk(tmp_path).hinders() is None


MODULE = """\
func.func @f(%a: tensor<4xf32>) -> tensor<4xf32> {
  %b = arith.addf %a, %a : tensor<4xf32>
  return %b : tensor<4xf32>
}
"""


@pytest.mark.slow
@pytest.mark.parametrize("where", ["output", "TMPDIR"])
def test_the_real_compiler_on_a_full_disk(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    """Its complaint stands below pages of errors about the model, which it blames first."""
    (tmp_path / "m.mlir").write_text(MODULE)
    tools = toolchain.find(None, TARGET)
    job = Job(case=case("m"), target=TARGET, toolchain=tools, source="", folder=str(tmp_path), logs="", stages=())
    work = Work(job=job, frontend=cast("Frontend", None), folder=tmp_path, log=tmp_path / "log")
    flags = ["--iree-hal-target-device=local", "--iree-hal-local-target-device-backends=llvm-cpu"]
    with small_disk(tmp_path / "small", "64k"):
        with pytest.raises(OSError, match="No space left"):
            fill(tmp_path / "small" / "big")
        if where == "TMPDIR":
            monkeypatch.setenv("TMPDIR", str(tmp_path / "small"))
        output = tmp_path / ("small" if where == "output" else ".") / "m.vmfb"
        with pytest.raises(StageFailure) as caught:
            invoke(work, [tools.iree_compile, str(tmp_path / "m.mlir"), "-o", str(output), *flags])
    assert (caught.value.status, caught.value.error.signature) == (StageStatus.INFRA, SIGNATURE)
    assert "No space left on device" in caught.value.error.excerpt


@pytest.mark.slow
def test_a_crash_on_a_full_disk_is_the_disks(tmp_path: pathlib.Path) -> None:
    place = tmp_path / "small"
    with small_disk(place, "2m"):
        disk = Disk(place)
        assert disk.hinders() is None
        (place / "big").write_bytes(b"x" * (1536 << 10))
        assert disk.hinders() is not None, "too little to begin with"
        crash = record("m@onnx", Outcome.CRASH, signature="SIGBUS in iree-compile")
        assert disk.read(crash) is crash, "but enough to write what was begun"
        with pytest.raises(OSError, match="No space left"):
            fill(place / "rest")
        assert disk.read(crash).outcome is Outcome.INFRA


@pytest.mark.slow
def test_a_case_that_fills_the_disk_gives_it_back(tmp_path: pathlib.Path) -> None:
    names = ["passes-setup-1", "fills-compilation", "tool_full-compilation", "passes-setup-2", "passes-setup-3"]
    suite = accident_suite(tmp_path, names)
    with small_disk(tmp_path / "out", "6m"):
        done = run(suite, "--jobs", "1", "--keep", "failed")
        records = suite.records()
        state = read_journal(suite.folder() / "records.jsonl")
        assert (suite.folder() / "report.xlsx").exists()
        assert not (suite.folder() / "work").exists(), "what filled the disk is gone, though failures are kept"
    assert done.returncode == 1, done.stderr
    assert {name: str(each.outcome) for name, each in records.items()} == {
        name: "INFRA" if "full" in name or "fills" in name else "PASS" for name in names
    }
    for name in ("fills-compilation", "tool_full-compilation"):
        assert records[name].exit_status == Stage.COMPILATION
        assert records[name].rerun is None, "INFRA is not run again"
    assert state.complete
    assert "cannot be written" not in done.stderr or "can be written again" in done.stderr


@pytest.mark.slow
def test_a_disk_that_stays_full_ends_each_case_at_once_and_keeps_the_journal(tmp_path: pathlib.Path) -> None:
    before, after = [f"naps-setup-{n}" for n in range(3)], [f"passes-setup-{n}" for n in range(30)]
    names = [*before, "occupies-compilation", *after]  # begun in this order: by name
    suite = accident_suite(tmp_path, names)
    elsewhere = tmp_path / "tmp"
    elsewhere.mkdir()
    with small_disk(tmp_path / "out", "6m"):
        hog = tmp_path / "out" / "hog"
        begun = time.monotonic()
        done = run(suite, "--jobs", "1", TMPDIR=str(elsewhere), E2ESHARD_TEST_HOG=str(hog))
        seconds = time.monotonic() - begun
        assert done.returncode == 1
        saved = next(elsewhere.glob("e2eshard-*-records.jsonl"))
        assert f"move {saved} to" in done.stderr
        state = read_journal(saved)
        assert len(state.records) == len(names)
        assert state.complete
        ends = {each.model.removeprefix("onnx/"): each for each in state.records.values()}
        assert [str(ends[name].outcome) for name in names] == ["PASS"] * 3 + ["INFRA"] * 31
        for name in names[3:]:
            assert is_full(ends[name])
        assert all(ends[name].seconds == 0 for name in after), "no process was started for them"
        assert seconds < 60
        hog.unlink()
        shutil.move(saved, suite.folder() / "records.jsonl")
        again = run(suite, "--resume")
        assert again.returncode == 1, again.stderr
        assert (suite.folder() / "results.json").exists()
        assert {name: each.outcome for name, each in suite.records().items()} == {
            each.model.removeprefix("onnx/"): each.outcome for each in state.records.values()
        }

"""StableHLO files through the runner's command line: whole, from a bundle elsewhere, and operation by operation."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys

import msgspec
import pytest

from runner.ops.journal import read
from schemas.ops import OpResult, OpUse
from schemas.opwords import OpBackend, OpSkip, OpStatus
from schemas.record import CaseRecord, JournalLine, Record
from schemas.words import Outcome
from tests.stablehlo_support import NEEDS_JAXLIB, function
from tests.suites_support import folder, manifest

pytestmark = [NEEDS_JAXLIB, pytest.mark.slow]
ROOT = pathlib.Path(__file__).parents[1]
F = "tensor<4xf32>"
GOOD = function(
    f"""%c = stablehlo.constant dense<2.0> : {F}
    %0 = stablehlo.tanh %x : {F}
    %1 = stablehlo.multiply %0, %c : {F}
    %2 = stablehlo.tanh %1 : {F}
    return %2 : {F}""",
    f"%x: {F}",
    F,
)
BAD = function(
    f"""%0 = stablehlo.custom_call @mine(%x) : ({F}) -> {F}
    %1 = stablehlo.abs %x : {F}
    %2 = stablehlo.add %0, %1 : {F}
    return %2 : {F}""",
    f"%x: {F}",
    F,
)


def run(root: pathlib.Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    keep = {name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "CI"))}
    return subprocess.run(
        [sys.executable, "-m", "runner", *arguments, "--no-rerun"],
        cwd=root,
        env={**keep, "PYTHONPATH": str(ROOT), "E2ESHARD_STORE": str(root / "store")},
        capture_output=True,
        text=True,
        check=False,
    )


def suites(root: pathlib.Path, text: str) -> None:
    made = folder(root / "suites", mine=manifest("models:\n  - mlir: ./m.mlir\n"))
    (made / "m.mlir").write_text(text)


def record(root: pathlib.Path, kind: str = "selected") -> Record:
    lines = (root / "out" / "mine" / "cpu" / kind / "records.jsonl").read_bytes().splitlines()
    found = [msgspec.json.decode(line, type=JournalLine) for line in lines]
    (made,) = [each.record for each in found if isinstance(each, CaseRecord)]
    return made


def test_a_bundle_gives_the_same_verdict_elsewhere(tmp_path: pathlib.Path) -> None:
    suites(tmp_path, GOOD)
    done = run(tmp_path, "stablehlo/m", "--target", "cpu", "--keep", "all")
    assert done.returncode == 0, done.stdout + done.stderr
    before = record(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    shutil.move(tmp_path / "out" / "mine" / "cpu" / "selected" / before.bundle, elsewhere / "kept")
    shutil.rmtree(tmp_path / "suites")
    shutil.rmtree(tmp_path / "out")
    for stage in ("setup", "import_model", "native_inference", "compiled_inference", "comparison"):
        done = run(elsewhere, "kept", "--from", stage)
        assert done.returncode == 0, done.stdout + done.stderr
        after = record(elsewhere, "rerun")
        assert after.outcome is Outcome.PASS
        assert [each.max_abs for each in after.comparisons] == [each.max_abs for each in before.comparisons], stage


def test_every_operation_of_a_file_is_run_once(tmp_path: pathlib.Path) -> None:
    suites(tmp_path, GOOD)
    done = run(tmp_path, "stablehlo/m", "--target", "cpu", "--depth", "execute-op-by-op")
    assert done.returncode == 0, done.stdout + done.stderr
    made = record(tmp_path)
    assert made.ops is not None
    assert made.ops.backend is OpBackend.STABLEHLO
    assert (made.ops.uses, made.ops.unique, made.ops.skipped, made.ops.verified) == (3, 2, 1, 3)
    lines = list(read(tmp_path / "out/mine/cpu/selected/ops/stablehlo/m@direct.jsonl"))
    uses = [(each.name, each.skip) for each in lines if isinstance(each, OpUse)]
    assert uses[0] == ("stablehlo.constant", OpSkip.CONSTANT)
    assert [name for name, _ in uses[1:]] == ["stablehlo.tanh", "stablehlo.multiply", "stablehlo.tanh"]
    results = [each for each in lines if isinstance(each, OpResult)]
    assert {(each.status, each.verified) for each in results} == {(OpStatus.EXECUTED, True)}


def test_an_operation_that_nobody_knows_fails_alone(tmp_path: pathlib.Path) -> None:
    suites(tmp_path, BAD)
    done = run(tmp_path, "stablehlo/m", "--target", "cpu", "--depth", "execute-op-by-op")
    assert done.returncode == 0, done.stdout + done.stderr
    made = record(tmp_path)
    assert made.outcome is Outcome.PASS
    assert any("the interpreter could not run stablehlo.custom_call" in each for each in made.notes)
    lines = read(tmp_path / "out/mine/cpu/selected/ops/stablehlo/m@direct.jsonl")
    results = {each.key.name: each for each in lines if isinstance(each, OpResult)}
    assert results["stablehlo.abs"].status is OpStatus.EXECUTED
    assert results["stablehlo.add"].status is OpStatus.COMPILED, "one of its operands has no value"
    custom = results["stablehlo.custom_call"]
    assert custom.status < OpStatus.COMPILED
    assert custom.error is not None
    assert custom.bundle

"""PyTorch models of the suites by name, in a shard and from a bundle, on both paths: one verdict, the same metrics."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
from typing import Any

import msgspec
import pytest

from schemas.record import CaseRecord, JournalLine, Record
from schemas.words import EXIT_NUMERICS, Outcome, Stage
from tests.bundle_support.suite import verdict
from tests.suites_support import folder, manifest
from tests.torch_support import NEEDS_TORCH

pytestmark = [NEEDS_TORCH, pytest.mark.slow, pytest.mark.timeout(1800)]

REPOSITORY = pathlib.Path(__file__).parent.parent
PASSES, FAILS = "torch/bert/tiny", "torch/operators/pad/negative"
BODY = f"""\
models:
  - {{name: {PASSES}, paths: [torch-mlir, onnx]}}
  - {{name: {FAILS}, paths: [torch-mlir, onnx]}}
excused: [{{name: '*', reason: not the point of this test}}]
"""


def runner(root: pathlib.Path, out: str, *arguments: str) -> dict[str, Record]:
    """The records by `model@path`; the compiler's mistake makes the exit code 1."""
    keep = {name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "CI", "E2ESHARD_"))}
    environment = {**keep, "PYTHONPATH": str(REPOSITORY), "E2ESHARD_STORE": str(root / "store")}
    argv = [sys.executable, "-m", "runner", *arguments, "--out", out, "--no-rerun"]
    done = subprocess.run(argv, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    (journal,) = (root / out).rglob("records.jsonl")
    lines = [msgspec.json.decode(line, type=JournalLine) for line in journal.read_bytes().splitlines()]
    return {f"{each.record.model}@{each.record.path}": each.record for each in lines if isinstance(each, CaseRecord)}


def told(records: dict[str, Record], *, exact: bool = False) -> dict[str, dict[str, Any]]:
    return {key: verdict(record, exact=exact) for key, record in records.items()}


def test_a_model_has_one_verdict_wherever_it_is_run(tmp_path: pathlib.Path) -> None:
    suites = folder(tmp_path / "suites", mine=manifest(BODY))
    (suites / "models").symlink_to(REPOSITORY / "suites" / "models")
    argv = [sys.executable, "-m", "generator", "--suites", "suites", "--root", "."]
    subprocess.run(argv, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(REPOSITORY)}, check=True)

    named = runner(tmp_path, "named", PASSES, FAILS, "--target", "cpu", "--suites", "suites", "--keep", "all")
    assert {key: (record.outcome, record.exit_status) for key, record in named.items()} == {
        f"{PASSES}@onnx": (Outcome.PASS, "PASS"),
        f"{PASSES}@torch-mlir": (Outcome.PASS, "PASS"),
        f"{FAILS}@onnx": (Outcome.FAIL, EXIT_NUMERICS),
        f"{FAILS}@torch-mlir": (Outcome.FAIL, EXIT_NUMERICS),
    }
    assert all(record.comparisons and record.metrics for record in named.values())

    sharded = runner(tmp_path, "sharded", "--shard", "mine/cpu", "--suites", "suites", "--root", ".")
    assert told(sharded) == told(named)

    bundles = [str(each.parent) for each in (tmp_path / "named").rglob("bundle.json")]
    assert len(bundles) == len(named)
    for stage in (Stage.COMPILATION, Stage.COMPILED_INFERENCE):
        again = runner(tmp_path, f"from-{stage}", *bundles, "--from", stage)
        exact = stage is Stage.COMPILED_INFERENCE
        assert told(again, exact=exact) == told(named, exact=exact), stage

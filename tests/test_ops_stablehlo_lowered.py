"""The StableHLO that a PyTorch model and an ONNX model are lowered to, operation by operation through the runner."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import msgspec
import pytest

from runner.ops.journal import read
from schemas.ops import OpResult
from schemas.opwords import OpBackend, OpStatus
from schemas.record import CaseRecord, JournalLine
from schemas.words import Outcome
from tests.models_support import GOOD, put
from tests.stablehlo_support import NEEDS_JAXLIB
from tests.suites_support import folder, manifest
from tests.torch_support import NEEDS_TORCH, model

pytestmark = [NEEDS_TORCH, NEEDS_JAXLIB, pytest.mark.slow]

REPOSITORY = pathlib.Path(__file__).parent.parent
TORCH = model(
    "def forward(self, x):\n    return torch.relu(self.a(x))", "torch.randn(4, 6)", init="self.a = nn.Linear(6, 3)"
)
#: Where the operations come from -> one that the lowered module must have.
MODELS = {
    "torch/linear@torch-mlir.stablehlo": "stablehlo.dot_general",
    "torch/linear@onnx.stablehlo": "stablehlo.dot_general",
    "onnx/product@onnx.stablehlo": "stablehlo.dot_general",
}


def test_every_operation_of_a_lowered_model_is_right_alone(tmp_path: pathlib.Path) -> None:
    body = """\
models:
  - {python: "./linear.py:Mine", paths: [torch-mlir, onnx], lowering: stablehlo}
  - {python: "./product.py:Good", lowering: stablehlo}
"""
    root = folder(tmp_path / "suites", mine=manifest(body).replace("depth: execute", "depth: execute-op-by-op"))
    put(root, "linear.py", TORCH)
    put(root, "product.py", GOOD)
    argv = ["-m", "runner", "torch/linear", "onnx/product", "--target", "cpu", "--no-rerun"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "E2ESHARD_STORE": str(tmp_path / "store")}
    done = subprocess.run(
        [sys.executable, *argv], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    out = tmp_path / "out" / "mine" / "cpu" / "selected"
    lines = [msgspec.json.decode(line, type=JournalLine) for line in (out / "records.jsonl").read_bytes().splitlines()]
    records = {
        each.record.case.removeprefix("mine/cpu/"): each.record for each in lines if isinstance(each, CaseRecord)
    }
    assert sorted(records) == sorted(MODELS)
    for key, wanted in MODELS.items():
        record = records[key]
        assert record.outcome is Outcome.PASS, record.error
        assert record.ops is not None
        assert record.ops.backend is OpBackend.STABLEHLO
        assert record.ops.verified == record.ops.uses > 1
        results = [each for each in read(out / "ops" / f"{key}.jsonl") if isinstance(each, OpResult)]
        assert {each.status for each in results} == {OpStatus.EXECUTED}
        assert wanted in {each.key.name for each in results}

"""torch_models: quality, benchmark and compstat tests, from the manifest's entry to the record."""

from __future__ import annotations

import pathlib
from typing import Any

from schemas.words import Outcome, Stage
from tests.imported_support.suite import CPU_FLAGS, DOUBLE, Folder, entry


def suite(root: pathlib.Path, **settings: str) -> Folder:
    made = Folder(root, entry("tests", "torch-models", **settings))
    made.write("tests/double.mlir", DOUBLE)
    made.write("tests/modules/double.json", {"mlir": "double.mlir", "compiler_flags": CPU_FLAGS})
    return made


def quality(**fields: Any) -> dict[str, Any]:
    usual = {
        "type": "quality",
        "markers": ["cpu"],
        "modules": ["modules/double"],
        "inputs": [{"value": "4xf32=1 2 3 4"}],
        "expected_outputs": [{"value": "4xf32=2 4 6 8"}],
        "run_args": ["--function=main", "--device=local-task"],
    }
    return usual | fields


def test_quality(tmp_path: pathlib.Path) -> None:
    made = suite(tmp_path)
    made.write("tests/good.json", quality())
    made.write("tests/bad.json", quality(expected_outputs=[{"value": "4xf32=2 4 6 9"}]))
    made.write("tests/broken.json", quality(run_args=["--function=nowhere", "--device=local-task"]))
    records = made.run(code=1)
    good, bad = records["torch-models/good"], records["torch-models/bad"]
    assert (good.outcome, good.exit_status) == (Outcome.PASS, "PASS"), good.error
    assert good.metrics["dispatch_count"] == 1
    assert good.metrics["vmfb_bytes"] > 0
    assert (bad.outcome, bad.exit_status) == (Outcome.FAIL, "Numerics")
    assert bad.error is not None
    assert "does not match the expected" in bad.error.signature
    broken = records["torch-models/broken"]
    assert (broken.outcome, broken.exit_status) == (Outcome.FAIL, Stage.COMPILED_INFERENCE)

"""Models of code run by their name from any folder of suites; one wrong weight of the compiled side is noticed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from schemas.codec import decode
from schemas.record import Record, ShardResults
from schemas.words import Outcome
from tests.models_support import GOOD, put
from tests.suites_support import folder, manifest

REPOSITORY = Path(__file__).parent.parent
CORRUPTED = REPOSITORY / "tests" / "models_support" / "corrupted.py"


def run(root: Path, out: Path, *names: str) -> tuple[int, dict[str, Record]]:
    """Exit code and records by model of `python -m runner NAMES --target cpu`."""
    argv = [sys.executable, "-m", "runner", *names, "--target", "cpu", "--suites", str(root), "--out", str(out)]
    done = subprocess.run(argv, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=500)
    results = sorted(out.glob("*/cpu/selected/results.json"))
    assert results, done.stdout + done.stderr
    return done.returncode, {each.model: each for each in decode(results[0].read_bytes(), ShardResults).records}


@pytest.mark.slow
def test_models_of_a_strangers_folder_run_by_name(tmp_path: Path) -> None:
    body = "models:\n  - name: onnx/mine\n  - python: ../beside.py:Good\n"
    root = folder(tmp_path / "theirs", mine=manifest(body))
    put(root, "models/onnx/mine.py", GOOD)
    put(tmp_path, "beside.py", GOOD + "    def forward(self, inputs):\n        return {'relu_1': 1 / 0}\n")
    code, records = run(root, tmp_path / "out", "onnx/mine", "onnx/beside")
    assert code == 1
    assert records["onnx/mine"].outcome is Outcome.PASS
    beside = records["onnx/beside"]
    assert (beside.outcome, beside.exit_status) == (Outcome.FAIL, "native_inference")
    assert beside.error is not None
    assert beside.error.signature == "ZeroDivisionError: division by zero"
    (log,) = (tmp_path / "out").rglob("native_inference.log")
    assert "beside.py" in log.read_text("utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["squeezenet", "shufflenet"])
def test_one_wrong_weight_of_a_light_model_fails_at_comparison(tmp_path: Path, name: str) -> None:
    """Any of the nine can be run like this; docs/models.md has the figures of all."""
    put(tmp_path / "suites", "corrupted.py", CORRUPTED.read_text("utf-8"))
    root = folder(
        tmp_path / "suites", mine=manifest(f"models: [{{python: './corrupted.py:CorruptedLight[{name}]'}}]\n")
    )
    code, records = run(root, tmp_path / "out", f"onnx/corrupted/{name}")
    record = records[f"onnx/corrupted/{name}"]
    assert code == 1
    assert (record.outcome, record.exit_status) == (Outcome.FAIL, "Numerics")
    assert record.error is not None
    assert record.error.signature == "values differ"
    assert record.comparisons[0].mismatched > 100


@pytest.mark.slow
def test_the_smallest_light_model_itself_passes(tmp_path: Path) -> None:
    root = folder(tmp_path / "suites", mine=manifest("models: [{name: onnx/light/squeezenet}]\n" + EXCUSED))
    (root / "models").symlink_to(REPOSITORY / "suites" / "models")
    code, records = run(root, tmp_path / "out", "onnx/light/squeezenet")
    record = records["onnx/light/squeezenet"]
    assert (code, record.outcome) == (0, Outcome.PASS)
    assert record.comparisons[0].total == 1000


EXCUSED = "excused: [{name: 'onnx/[lcmo]*/*', reason: not the point of this test}]\n"

"""The table of models that the docs show is made from a report, and counts honestly."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from results.shard import write_shard
from schemas.record import Record
from schemas.words import Mode, Outcome, Stage
from tests.results_support.build import record, shard_results
from tests.results_support.verified import verified

ROOT = Path(__file__).parent.parent
RECORDS = [
    verified("torch/bert/tiny@torch-mlir"),
    record("torch/bert/tiny@onnx", Outcome.XFAIL),
    record("torch/a|b@onnx", Outcome.FAIL, stage=Stage.COMPARISON),
    record("torch/gpt@onnx", Outcome.SKIP),
    record("onnx/node/test_abs@onnx"),
]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("model_table", ROOT / "benchmarks" / "model_table.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def printed(
    script: ModuleType, folder: Path, capsys: pytest.CaptureFixture[str], *arguments: str, records: list[Record]
) -> list[str]:
    write_shard(folder, shard_results(records), None)
    assert script.main([str(folder / "results.json"), *arguments]) == 0
    return capsys.readouterr().out.splitlines()


def test_one_row_a_case_of_the_chosen_models(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    records = [msgspec.structs.replace(each, path=each.case.rpartition("@")[2]) for each in RECORDS]
    records = [msgspec.convert(msgspec.to_builtins(each), Record) for each in records]
    head, _, *rows = printed(script, tmp_path, capsys, records=records)
    columns = "model path outcome stopped_at setup_s import_s compile_s native_s compiled_s compare_s PCC max_abs"
    assert [each.strip().replace(" ", "_") for each in head.strip("|").split("|")] == columns.split()
    cells = [[each.strip() for each in row.strip("|").split(" | ")] for row in rows[:4]]
    assert [row[0].strip("`") for row in cells] == ["torch/a\\|b", "torch/bert/tiny", "torch/bert/tiny", "torch/gpt"]
    assert [row[2] for row in cells] == ["FAIL", "XFAIL", "PASS (unasserted)", "SKIP"]
    assert [row[3] for row in cells] == ["comparison", "compilation", "", "not-run"]
    (tested,) = [row for row in cells if row[2].startswith("PASS")]
    assert tested[1] == f"torch-mlir, {Mode.TRAIN}"
    assert tested[-2:] == ["0.875000", "0.5"]
    assert rows[5:] == [
        "- `onnx`: 0 of 2 pass (0.0%): FAIL 1, SKIP 1, XFAIL 1",
        "- `torch-mlir`: 1 of 1 pass (100.0%): PASS 1; of the passes 1 with a disabled check that would fail",
    ]


def test_what_is_no_report_is_told(script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "other.json").write_text("{}")
    write_shard(tmp_path, shard_results(RECORDS), None)
    assert script.main([str(tmp_path / "absent.json")]) == 2
    assert script.main([str(tmp_path / "results.json"), "--models", "jax/*"]) == 2
    assert "has no record of jax/*" in capsys.readouterr().err

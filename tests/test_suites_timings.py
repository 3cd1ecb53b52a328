"""Expected durations: recorded, by family, by folder, by guess; and the file they are kept in."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.errors import ManifestError
from suites import timings, workspace
from tests.suites_support import findings, folder, manifest

SUITES = Path(__file__).parent.parent / "suites"
CASES = {case.model: case for case in workspace.load(SUITES).suite("nightly-execute").cases}


def written(root: Path, seconds: dict[str, float], target: str = "cpu") -> timings.Timings:
    path = timings.file_of(root, target)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(timings.dump(target, seconds))
    return timings.load(root)


def test_recorded_then_family_then_folder_then_target_then_guess(tmp_path: Path) -> None:
    times = written(
        tmp_path,
        {
            "onnx/node/test_conv_with_strides_padding@onnx": 2.0,
            "onnx/node/test_basic_conv_with_padding@onnx": 4.0,
            "onnx/node/test_abs@onnx": 0.1,
            "onnx/pytorch-converted/test_ELU@onnx": 7.0,
        },
    )
    assert times.seconds("cpu", CASES["onnx/node/test_abs"]) == 0.1
    assert times.seconds("cpu", CASES["onnx/node/test_conv_with_autopad_same"]) == 3.0
    assert times.seconds("cpu", CASES["onnx/node/test_add"]) == 2.0, "median of onnx/node"
    assert times.seconds("cpu", CASES["onnx/pytorch-converted/test_GLU"]) == 7.0
    assert times.seconds("cpu", CASES["onnx/simple/test_shrink"]) == 3.0, "median of the target"
    assert times.seconds("lab", CASES["onnx/node/test_abs"]) == 1.0
    assert times.seconds("cpu", CASES["onnx/node/test_bernoulli"]) == timings.SKIPPED_SECONDS


def test_the_file_is_sorted_short_and_one_line_a_case(tmp_path: Path) -> None:
    data = timings.dump("cpu", {"b@onnx": 123.456, "a@onnx": 0.0123, "c@onnx": 0.0}).decode()
    assert data.splitlines() == [
        "{",
        ' "schema": "e2eshard.timings/1",',
        ' "target": "cpu",',
        ' "seconds": {',
        '  "a@onnx": 0.012,',
        '  "b@onnx": 120.0,',
        '  "c@onnx": 0.0',
        " }",
        "}",
    ]
    times = written(tmp_path, {"b@onnx": 1.0})
    assert timings.dump("cpu", times.recorded("cpu")) == timings.file_of(tmp_path, "cpu").read_bytes()


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"schema": "e2eshard.timings/1", "target": "lab", "seconds": {}}',
        '{"schema": "e2eshard.timings/9", "target": "cpu", "seconds": {}}',
        '{"schema": "e2eshard.timings/1", "target": "cpu", "seconds": {"a@onnx": -1}}',
        '{"schema": "e2eshard.timings/1", "target": "cpu", "seconds": {"a@onnx": "1"}}',
    ],
)
def test_unusable_files_are_findings(tmp_path: Path, text: str) -> None:
    root = folder(tmp_path, mine=manifest("models: [{tag: abs}]\n"))
    (root / "timings").mkdir()
    (root / "timings" / "cpu.json").write_text(text, "utf-8")
    (finding,) = findings(root)
    assert "no file of durations" in finding.message
    assert finding.remedy
    with pytest.raises(ManifestError):
        timings.load(root)


def test_durations_of_unknown_targets_are_findings(tmp_path: Path) -> None:
    root = folder(tmp_path, mine=manifest("models: [{tag: abs}]\n"))
    written(root, {}, target="gpu")
    assert ["unknown target 'gpu'" in f.message for f in findings(root)] == [True]

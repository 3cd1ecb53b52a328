"""Expected durations: recorded, of cases alike, by guess; and the file they are kept in."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.errors import ManifestError
from suites import timings, workspace
from suites.estimate import Estimate, Groups
from tests.suites_support import findings, folder, manifest

SUITES = Path(__file__).parent.parent / "suites"
CASES = {case.model: case for case in workspace.load(SUITES).suite("nightly-execute").cases}


def written(root: Path, seconds: dict[str, float], target: str = "cpu") -> timings.Timings:
    path = timings.file_of(root, target)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(timings.dump(target, seconds))
    return timings.load(root)


def test_recorded_then_the_nearest_group_with_enough_members_then_guess(tmp_path: Path) -> None:
    times = written(
        tmp_path,
        {
            "onnx/node/test_conv_with_strides_padding@onnx": 2.0,
            "onnx/node/test_conv_with_strides_no_padding@onnx": 3.0,
            "onnx/node/test_basic_conv_with_padding@onnx": 4.0,
            "onnx/node/test_abs@onnx": 0.1,
            "onnx/pytorch-converted/test_ELU@onnx": 7.0,
            "onnx/simple/test_shrink@ort-ep": 9.0,
        },
    )
    said = {
        "onnx/node/test_abs": (0.1, "recorded"),
        "onnx/node/test_conv_with_autopad_same": (4.0, "p75 of 3: operator conv of onnx/node@onnx"),
        "onnx/node/test_acos": (3.0, "p75 of 4: folder onnx/node@onnx"),
        "onnx/pytorch-converted/test_GLU": (4.0, "p75 of 5: folder onnx@onnx"),
        "onnx/simple/test_shrink": (9.0, "p75 of 1: model onnx/simple/test_shrink"),
        "onnx/node/test_bernoulli": (timings.SKIPPED_SECONDS, "skipped"),
    }
    for model, (seconds, why) in said.items():
        found = times.explained("cpu", CASES[model])
        assert (found.seconds, found.why) == (seconds, why)
        assert times.seconds("cpu", CASES[model]) == seconds


def test_on_a_target_without_records_the_others_count_then_a_guess(tmp_path: Path) -> None:
    written(tmp_path, {"onnx/node/test_abs@onnx": 3.0})
    times = written(tmp_path, {"onnx/node/test_abs@onnx": 5.0}, target="gpu")
    assert times.explained("lab", CASES["onnx/node/test_abs"]) == Estimate(
        5.0, "p75 of 2: the same case on other targets", "gpu"
    )
    assert times.explained("lab", CASES["onnx/node/test_acos"]) == Estimate(1.0, "a guess")


def test_the_same_tags_are_nearer_than_a_folder_further_up() -> None:
    tags = {"a/b/one": ("vision", "small"), "a/c/two": ("small", "vision"), "a/c/three": ("vision", "small")}
    seconds = {"a/b/one@onnx": 1.0, "a/c/two@onnx": 2.0, "a/c/three@onnx": 3.0, "a/d/else@onnx": 50.0}
    groups = Groups("cpu", seconds, lambda model: tags.get(model, ("vision", "small") if model == "a/e/new" else ()))
    assert groups.estimate("a/e/new@onnx") == Estimate(3.0, "p75 of 3: tags small vision@onnx", "cpu")
    assert groups.estimate("a/f/untagged@onnx") == Estimate(3.0, "p75 of 4: folder a@onnx", "cpu")
    assert groups.estimate("z/other@torch-mlir") == Estimate(3.0, "p75 of 4: all of the target", "cpu")


def test_op_by_op_and_whole_models_are_no_likeness() -> None:
    groups = Groups("cpu", {"a/b/one@onnx": 1.0, "a/b/two@onnx+op-by-op": 60.0}, lambda _: ())
    assert groups.estimate("a/b/one@onnx+op-by-op") == Estimate(60.0, "p75 of 1: all of the target+op-by-op", "cpu")
    assert groups.estimate("a/b/two@onnx") == Estimate(1.0, "p75 of 1: all of the target", "cpu")
    assert Groups("cpu", {"a/b/one@onnx": 1.0}, lambda _: ()).estimate("a/b/one@onnx+op-by-op") is None


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

"""Five levels say what stays of a case, and a bundle says what it lacks and how to get it."""

from __future__ import annotations

import pathlib
from typing import NamedTuple

import pytest

from runner.bundle.cleanup import Cleanup, parse_level
from schemas.bundle import Artefact, Bundle
from schemas.codec import decode
from schemas.errors import UsageError
from schemas.words import Lowering, Outcome
from tests.bundle_support.suite import SmallSuite, records


class Left(NamedTuple):
    """What a run of `good` and `inexact` leaves at one level."""

    suite: SmallSuite
    bundles: dict[str, pathlib.Path]

    def described(self, name: str) -> Bundle:
        return decode((self.bundles[name] / "bundle.json").read_bytes(), Bundle)

    def files(self, name: str) -> set[str]:
        folder = self.bundles[name]
        return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}

    def missing(self, name: str) -> dict[str, str]:
        return {each.path: each.missing for each in self.described(name).files if each.missing}


def leave(tmp_path: pathlib.Path, *options: str, names: tuple[str, ...] = ("good", "inexact")) -> Left:
    suite = SmallSuite(tmp_path / "made")
    return Left(suite, suite.keep(names, *options))


def folder(left: Left) -> pathlib.Path:
    return left.suite.root / "out" / "small" / "cpu" / "selected"


def test_each_level_removes_what_the_one_before_does() -> None:
    sizes, limit = (1, 500, 501), 500
    contents = [frozenset[Artefact]()] + [frozenset({each}) for each in Artefact]
    gone = {
        level: {(size, holds) for size in sizes for holds in contents if level.leaves_out(size, holds, limit)}
        for level in Cleanup
    }
    for level, following in zip(list(Cleanup), list(Cleanup)[1:], strict=False):
        assert gone[level] <= gone[following]
    assert not gone[Cleanup.NOTHING]
    assert [level.bundles for level in Cleanup] == [True, True, True, False, False]


def test_a_level_has_a_number_and_a_name() -> None:
    assert [parse_level(text) for text in ("0", "large", "2", "artefacts", "everything")] == list(Cleanup)
    with pytest.raises(UsageError, match="modules"):
        parse_level("module")


@pytest.mark.slow
def test_by_default_failures_leave_whole_bundles(tmp_path: pathlib.Path) -> None:
    left = leave(tmp_path)
    assert list(left.bundles) == ["inexact"]
    assert not left.missing("inexact")
    found = records(folder(left))
    assert found["inexact"].bundle == "bundles/onnx/inexact__onnx"
    assert found["good"].bundle == ""
    assert (folder(left) / "logs" / "onnx" / "good@onnx").is_dir()


@pytest.mark.slow
def test_large_files_are_recorded_by_their_hash(tmp_path: pathlib.Path) -> None:
    left = leave(tmp_path, "--keep", "all", "--bundle-limit", "2KiB", names=("good", "inexact"))
    assert set(left.missing("inexact")) == {
        "artefacts/input_0.npy",
        "artefacts/model.mlir",
        "artefacts/module.vmfb",
        "source/inexact.onnx",
    }
    assert left.missing("good")["artefacts/module.vmfb"] == (
        "left out: run with `--from compilation` and it is made again"
    )
    assert "it belongs to the model file own/inexact.onnx" in left.missing("inexact")["source/inexact.onnx"]
    # `good` has all but its compiled module and is made whole again by itself; `inexact` says what it wants.
    bundles = {name: str(path) for name, path in left.bundles.items()}
    done = left.suite.run(bundles["good"], "--from", "compiled_inference", cwd=tmp_path)
    assert done.returncode == 2
    assert "reads the compiled module, which is not in the bundle: artefacts/module.vmfb" in done.stderr
    assert "--from compilation" in done.stderr
    assert left.suite.run(bundles["good"], cwd=tmp_path).returncode == 0
    done = left.suite.run(bundles["inexact"], cwd=tmp_path)
    assert done.returncode == 2
    assert "setup reads the source" in done.stderr
    assert "may be put in its place" in done.stderr
    original = left.suite.root / "suites" / "own" / "inexact.onnx"
    (left.bundles["inexact"] / "source" / "inexact.onnx").write_bytes(original.read_bytes())
    assert left.suite.run(bundles["inexact"], cwd=tmp_path).returncode == 1
    assert records(tmp_path / "out" / "small" / "cpu" / "rerun")["inexact"].exit_status == "Numerics"


@pytest.mark.slow
def test_modules_can_be_left_out_and_are_made_again(tmp_path: pathlib.Path) -> None:
    left = leave(tmp_path, "--keep", "all", "--cleanup", "modules", names=("good",))
    assert set(left.missing("good")) == {"artefacts/model.mlir", "artefacts/module.vmfb"}
    assert {"source/good.onnx", "artefacts/input_0.npy", "artefacts/golden_0.npy"} <= left.files("good")
    assert left.suite.run(str(left.bundles["good"]), "--from", "comparison", cwd=tmp_path).returncode == 0
    assert left.suite.run(str(left.bundles["good"]), "--from", "setup", cwd=tmp_path).returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("level", ["3", "everything"])
def test_logs_only_and_nothing_at_all(tmp_path: pathlib.Path, level: str) -> None:
    left = leave(tmp_path, "--cleanup", level)
    assert not left.bundles
    assert {path.name for path in folder(left).iterdir()} <= {
        "records.jsonl", "results.json", "junit.xml", "report.xlsx", "summary.md", "logs"
    }  # fmt: skip
    found = records(folder(left))
    named = {each.log for record in found.values() for each in record.stages if each.log}
    there = {path.relative_to(folder(left)).as_posix() for path in (folder(left) / "logs").rglob("*.log")}
    assert named == there
    assert bool(named) is (level == "3")


@pytest.mark.slow
def test_a_lowered_module_is_kept_too(tmp_path: pathlib.Path) -> None:
    left = leave(tmp_path, "--keep", "all", "--lowering", Lowering.LINALG, names=("good",))
    assert "artefacts/linalg.mlirbc" in left.files("good")
    done = left.suite.run(str(left.bundles["good"]), "--from", "compilation", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    record = records(tmp_path / "out" / "small" / "cpu" / "rerun")["good"]
    assert record.outcome is Outcome.PASS
    assert record.case == "small/cpu/onnx/good@onnx.linalg"


@pytest.mark.slow
def test_a_run_does_not_empty_the_folder_of_its_own_bundle(tmp_path: pathlib.Path) -> None:
    left = leave(tmp_path, names=("inexact",))
    bundle = str(left.bundles["inexact"])
    assert left.suite.run(bundle, "--keep", "all").returncode == 1
    kept = left.suite.root / "out" / "small" / "cpu" / "rerun" / "bundles" / "onnx" / "inexact__onnx"
    assert (kept / "bundle.json").is_file()
    done = left.suite.run(str(kept))
    assert done.returncode == 2
    assert "which this run empties" in done.stderr
    assert left.suite.run(str(kept), "--out", "other").returncode == 1

"""A kept bundle, moved away from all it was made of, gives the same verdict again from whichever stage it goes on."""

from __future__ import annotations

import pathlib
import stat

import pytest

from runner.stages.plan import WHOLE
from schemas.bundle import Bundle
from schemas.codec import decode
from schemas.record import Record
from schemas.words import Outcome, Stage, StageStatus
from tests.bundle_support.suite import ALL, COMPARED, SmallSuite, records, verdict

pytestmark = pytest.mark.slow
Kept = tuple[SmallSuite, dict[str, pathlib.Path], dict[str, Record]]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """Bundles in a folder of their own; models, manifests, results and store are gone."""
    suite = SmallSuite(tmp_path_factory.mktemp("made"))
    bundles = suite.keep(ALL, "--keep", "all")
    assert sorted(bundles) == sorted(ALL)
    before = records(suite.root / "out" / "small" / "cpu" / "selected")
    return suite, suite.move_away(bundles, tmp_path_factory.mktemp("elsewhere") / "with @ and blank"), before


def test_the_suite_ends_in_every_way_that_matters(kept: Kept) -> None:
    _, _, before = kept
    assert {name: (record.outcome, record.exit_status) for name, record in before.items()} == {
        "good": (Outcome.PASS, "PASS"),
        "inexact": (Outcome.FAIL, "Numerics"),
        "outside": (Outcome.PASS, "PASS"),
        "code": (Outcome.PASS, "PASS"),
        "refused": (Outcome.FAIL, "compilation"),
    }
    assert all(record.bundle.startswith("bundles/onnx/") for record in before.values())


def again(kept: Kept, tmp_path: pathlib.Path, names: tuple[str, ...], *options: str) -> dict[str, Record]:
    suite, bundles, _ = kept
    done = suite.run(*(str(bundles[name]) for name in names), *options, cwd=tmp_path)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return records(tmp_path / "out" / "small" / "cpu" / "rerun")


@pytest.mark.parametrize("stage", WHOLE)
def test_every_stage_can_be_gone_on_from_with_the_same_verdict(
    kept: Kept, tmp_path: pathlib.Path, stage: Stage
) -> None:
    possible = ALL if WHOLE.index(stage) <= WHOLE.index(Stage.COMPILATION) else COMPARED
    found = again(kept, tmp_path, possible, "--from", stage)
    assert sorted(found) == sorted(possible)
    for name, record in found.items():
        reused = {each.stage for each in record.stages if each.reused}
        exact = Stage.COMPILATION in reused
        assert verdict(record, exact=exact) == verdict(kept[2][name], exact=exact), name
        earlier = set(WHOLE[: WHOLE.index(stage)])
        assert reused <= earlier
        assert earlier - reused <= {Stage.SETUP, Stage.PREPROCESS_MODEL}  # the model lives in a process only


def test_without_a_stage_the_rest_is_run(kept: Kept, tmp_path: pathlib.Path) -> None:
    found = again(kept, tmp_path, ALL)
    ran = {name: [each.stage for each in record.stages if not each.reused] for name, record in found.items()}
    assert ran["good"] == list(WHOLE)  # all had passed: all is run again
    assert ran["inexact"] == [Stage.COMPILED_INFERENCE, Stage.POSTPROCESSING, Stage.COMPARISON]
    assert ran["refused"] == [Stage.SETUP, Stage.COMPILATION]
    assert {name: verdict(record) for name, record in found.items()} == {
        name: verdict(record) for name, record in kept[2].items()
    }


def test_a_rerun_can_be_kept_and_rerun_itself(kept: Kept, tmp_path: pathlib.Path) -> None:
    suite, _, before = kept
    first = tmp_path / "first"
    first.mkdir()
    again(kept, first, COMPARED, "--from", "compiled_inference", "--keep", "all")
    bundles = {path.parent.name: path.parent for path in first.rglob("bundle.json")}
    assert len(bundles) == len(COMPARED)
    assert not [path for bundle in bundles.values() for path in bundle.rglob("*") if path.is_symlink()]
    done = suite.run(*map(str, bundles.values()), "--from", "compilation", cwd=tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    found = records(tmp_path / "out" / "small" / "cpu" / "rerun")
    assert {name: verdict(record) for name, record in found.items()} == {
        name: verdict(before[name]) for name in COMPARED
    }


def test_a_bundle_is_not_touched_and_may_be_read_only(kept: Kept, tmp_path: pathlib.Path) -> None:
    bundle = kept[1]["good"]
    paths = [bundle, *bundle.rglob("*")]
    state = {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in paths}
    modes = {path: path.stat().st_mode for path in paths}
    try:
        for path in paths:
            path.chmod(path.stat().st_mode & ~(stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))
        for stage in (Stage.SETUP, Stage.COMPILED_INFERENCE):
            found = again(kept, tmp_path, ("good",), "--from", stage, "--out", str(tmp_path / "out"))
            assert verdict(found["good"]) == verdict(kept[2]["good"])
    finally:
        for path, mode in modes.items():
            path.chmod(mode)
    assert {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in [bundle, *bundle.rglob("*")]} == state


def test_a_part_of_the_stages_proves_nothing(kept: Kept, tmp_path: pathlib.Path) -> None:
    record = again(kept, tmp_path, ("good",), "--stages", "compilation")["good"]
    assert (record.outcome, record.skip_detail) == (Outcome.SKIP, "comparison was not run, so that nothing is proved")
    record = again(kept, tmp_path, ("good",), "--depth", "compile", "--stages", "import_model")["good"]
    assert record.outcome is Outcome.SKIP  # the reused compilation is no pass of this run


def test_the_bundle_names_no_place_of_the_machine(kept: Kept) -> None:
    for name, bundle in kept[1].items():
        text = (bundle / "bundle.json").read_text()
        assert str(kept[0].root) not in text, name
        assert str(pathlib.Path.home()) not in text
        described = decode(text, Bundle)
        assert described.schema == "e2eshard.bundle/1"
        assert {each.path for each in described.files} == {
            path.relative_to(bundle).as_posix() for path in bundle.rglob("*") if path.is_file()
        } - {"bundle.json"}
        assert described.provenance.tools
    outside = decode((kept[1]["outside"] / "bundle.json").read_bytes(), Bundle)
    assert {"source/outside.onnx", "source/weights/outside.bin"} <= {each.path for each in outside.files}


NO_COMPILER = """
import sys
from importlib.abc import MetaPathFinder


class Absent(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("onnx", "onnxruntime") or name.startswith("iree.compiler"):
            raise ModuleNotFoundError(f"{name} is not installed on this machine", name=name)
        return None


sys.meta_path.insert(0, Absent())
"""


def test_a_machine_that_only_runs_needs_no_compiler(kept: Kept, tmp_path: pathlib.Path) -> None:
    """The runtime alone, through --compiler; compiler and onnx cannot be imported, and nothing is on the PATH."""
    from runner import toolchain  # noqa: PLC0415 - numpy-free, but only this test needs it
    from tests.stages_support.cases import CPU  # noqa: PLC0415

    (tmp_path / "runtime" / "bin").mkdir(parents=True)
    (tmp_path / "runtime" / "bin" / "iree-run-module").symlink_to(toolchain.find(None, CPU).iree_run_module)
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(NO_COMPILER)
    suite, bundles, before = kept
    names = ("good", "inexact", "outside")
    environment = {"PYTHONPATH": f"{tmp_path / 'site'}:{pathlib.Path(__file__).parents[1]}", "PATH": "/nowhere"}
    options = ("--from", "compiled_inference", "--compiler", str(tmp_path / "runtime"))
    done = suite.run(*(str(bundles[name]) for name in names), *options, cwd=tmp_path, **environment)
    assert done.returncode == 1, done.stdout + done.stderr
    found = records(tmp_path / "out" / "small" / "cpu" / "rerun")
    assert {name: verdict(record) for name, record in found.items()} == {name: verdict(before[name]) for name in names}
    done = suite.run(str(bundles["good"]), "--from", "compilation", *options[2:], cwd=tmp_path, **environment)
    assert done.returncode == 4
    assert "iree-compile was found in none of these places" in done.stderr


def test_a_build_is_handed_over_and_run(tmp_path: pathlib.Path) -> None:
    """What passes between jobs: one compiles, another one runs."""
    suite = SmallSuite(tmp_path / "made")
    bundles = suite.move_away(suite.keep(("good", "code"), "--keep", "all", "--depth", "compile"), tmp_path / "handed")
    done = suite.run(*map(str, bundles.values()), "--depth", "execute", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    for record in records(tmp_path / "out" / "small" / "cpu" / "rerun").values():
        assert record.outcome is Outcome.PASS
        assert [each.stage for each in record.stages if each.reused] == [
            Stage.IMPORT_MODEL,
            Stage.PREPROCESS_MODEL,
            Stage.COMPILATION,
        ]
        assert all(each.status is StageStatus.PASS for each in record.stages)

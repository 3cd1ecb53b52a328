"""Cases of the path ort-ep in the program: skipped without a library, kept in bundles, ended with their process."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

from schemas.codec import decode
from schemas.record import Record, ShardResults
from schemas.words import Depth, Outcome, Path, SkipReason, Stage, StageStatus
from tests.ort_ep_support import GOOD, NEEDS_COMPILER, chain, provider
from tests.suites_support import folder, manifest

pytestmark = pytest.mark.slow
REPOSITORY = pathlib.Path(__file__).parent.parent
MODELS = "models:\n  - onnx: ../abs.onnx\n    paths: [onnx, ort-ep]\n"


def run(root: pathlib.Path, *argv: str, library: pathlib.Path | None = None) -> tuple[int, list[Record], str]:
    """Exit code, records and output of the runner in a folder with one model of two nodes Abs."""
    chain(root / "abs.onnx", "Abs", "Abs")
    suites = folder(root / "suites", mine=manifest(MODELS))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("E2ESHARD_ORT")}
    if library is not None:
        environment["E2ESHARD_ORT_EP_LIBRARY"] = str(library)
    command = [sys.executable, "-m", "runner", *argv, "--suites", str(suites), "--out", str(root / "out")]
    done = subprocess.run(
        command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=300, env=environment
    )
    results = sorted((root / "out").glob("*/cpu/*/results.json"), key=lambda path: path.stat().st_mtime)
    said = done.stdout + done.stderr
    assert results, said
    return done.returncode, list(decode(results[-1].read_bytes(), ShardResults).records), said


def test_without_a_library_the_case_is_skipped_and_the_others_run(tmp_path: pathlib.Path) -> None:
    code, records, said = run(tmp_path, "onnx/abs", "--target", "cpu")
    assert code == 0, said
    by_path = {each.path: each for each in records}
    assert by_path[Path.ONNX].outcome is Outcome.PASS
    skipped = by_path[Path.ORT_EP]
    assert (skipped.outcome, skipped.skip_reason) == (Outcome.SKIP, SkipReason.DRIVER)
    assert "build github.com/iree-org/onnxruntime-ep-iree" in skipped.skip_detail
    assert skipped.reached_depth is None


def test_importing_needs_no_library(tmp_path: pathlib.Path) -> None:
    code, (record,), said = run(tmp_path, "onnx/abs@ort-ep", "--target", "cpu", "--depth", "import")
    assert (code, record.outcome, record.reached_depth) == (0, Outcome.PASS, Depth.IMPORT), said


@NEEDS_COMPILER
def test_a_case_passes_and_its_bundle_compiles_again_whatever_it_goes_on_from(tmp_path: pathlib.Path) -> None:
    library = provider(*GOOD)
    code, (record,), said = run(tmp_path, "onnx/abs@ort-ep", "--target", "cpu", "--keep", "all", library=library)
    assert (code, record.outcome, record.reached_depth) == (0, Outcome.PASS, Depth.EXECUTE), said
    (bundle,) = (tmp_path / "out").rglob("bundle.json")
    for stage in (Stage.COMPILED_INFERENCE, Stage.COMPILATION):
        code, (again,), said = run(tmp_path, str(bundle.parent), "--from", stage, library=library)
        assert (code, again.outcome) == (0, Outcome.PASS), said
        stages = {each.stage: each for each in again.stages}
        assert stages[Stage.IMPORT_MODEL].reused
        assert not stages[Stage.COMPILATION].reused, "a session cannot be stored"
        assert again.comparisons == record.comparisons


@NEEDS_COMPILER
def test_a_provider_that_hangs_is_ended_with_its_case(tmp_path: pathlib.Path) -> None:
    library = provider(*GOOD, "-DHANG_IN_COMPILE")
    argv = ("onnx/abs@ort-ep", "--target", "cpu", "--timeout", "6s", "--no-rerun")
    code, (record,), said = run(tmp_path, *argv, library=library)
    assert (code, record.outcome, record.exit_status) == (1, Outcome.TIMEOUT, "compilation"), said
    assert {each.stage: each.status for each in record.stages}[Stage.COMPILATION] is StageStatus.TIMEOUT
    left = [path for path in pathlib.Path("/proc").glob("[0-9]*/maps") if _maps(path, library)]
    assert not left, "no process has the library loaded any more"


def _maps(path: pathlib.Path, library: pathlib.Path) -> bool:
    try:
        return str(library) in path.read_text()
    except OSError:
        return False

"""A dispatched workflow with `build-on`: one machine builds, another one runs, and the merge tells it all."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from generator import cli
from tests.test_workflow_presubmit import SETUP, without_downloads
from tests.workflow_support.executor import Options, WorkflowRun, run_workflow

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
WORKFLOW = ".github/workflows/suite-duo.yml"
TESTS = r"test_(abs|add|and2d|ai_onnx_ml_array_feature_extractor)@"
CASES = sorted(f"duo/lab/onnx/node/test_{name}@onnx" for name in ("abs", "add", "and2d"))
TARGETS = """\
targets:
  cpu:
    backend: llvm-cpu
    device: local-task
    compile-flags: [--iree-llvmcpu-target-cpu=host]
    runs-on: ubuntu-24.04
  lab:
    backend: llvm-cpu
    device: local-sync
    compile-flags: [--iree-llvmcpu-target-cpu=generic]
    runs-on: [self-hosted, linux, lab]
    build-on: cpu
    exclusive-device: true
"""
SUITE = """\
suite: duo
description: A device that only runs
depth: execute
targets: [cpu, lab]
models:
  - name: onnx/node/test_a*
"""
#: Fails while it is built, as expected.
REFUSED = "duo/lab/onnx/node/test_ai_onnx_ml_array_feature_extractor@onnx"
EXPECTED = """\
suite: duo
target: lab
failures:
  - signature: "failed to legalize operation 'torch.operator': onnx.ArrayFeatureExtractor"
    stage: compilation
    cases: [onnx/node/test_ai_onnx_ml_array_feature_extractor@onnx]
"""
EXCUSED = "excused: [{name: onnx/*, reason: few are enough}]\n"


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One with these suites only; the programs come from this one."""
    root = tmp_path_factory.mktemp("repository")
    (root / "suites" / "expectations").mkdir(parents=True)
    (root / "suites" / "expectations" / "duo.lab.yaml").write_text(EXPECTED)
    for name, text in {"targets.yaml": TARGETS, "duo.yaml": SUITE, "excused.yaml": EXCUSED}.items():
        (root / "suites" / name).write_text(text)
    assert cli.main(["--root", str(root)]) == 0
    shutil.copytree(ROOT / ".github/actions", root / ".github/actions")
    (root / "requirements").mkdir()
    for each in (ROOT / "requirements").glob("*.txt"):
        shutil.copyfile(each, root / "requirements" / each.name)
    return root


def dispatch(
    repository: Path, out: Path, sabotage: dict[str, str] | None = None, *, rerun_failed: bool = False
) -> WorkflowRun:
    return run_workflow(
        repository,
        WORKFLOW,
        out=out,
        inputs={"targets": "lab", "tests": TESTS},
        substitutions=without_downloads(),
        sabotage=sabotage,
        options=Options(environment={"PYTHONPATH": str(ROOT)}, rerun_failed=rerun_failed),
    )


def report(run: WorkflowRun) -> dict[str, Any]:
    artifact = [each for each in run.artifacts if each.name.startswith("report.")][-1]
    found: dict[str, Any] = json.loads((artifact.path / "results.json").read_text())
    return found


def ends(run: WorkflowRun) -> dict[str, str]:
    return {record["case"]: record["outcome"] for record in report(run)["records"]}


def test_a_build_and_its_device_are_chained_to_a_merged_report(repository: Path, tmp_path: Path) -> None:
    run = dispatch(repository, tmp_path)
    assert run.conclusion == "success", run.explain()
    assert ends(run) == {**dict.fromkeys(CASES, "PASS"), REFUSED: "XFAIL"}
    build, device = run.job("lab (0)/build"), run.job("lab (0)/run")
    assert (build.runs_on, device.runs_on) == (["ubuntu-24.04"], ["self-hosted", "linux", "lab"])
    assert list(run.results).index("lab (0)/build") < list(run.results).index("lab (0)/run")
    assert build.outputs == {"loads": "false"}  # GitHub drops the empty one
    # Nothing was compiled where the device is, and no store fetched.
    assert device.step("Restore the store").outcome == "skipped"
    for record in (each for each in report(run)["records"] if each["case"] != REFUSED):
        where = {each["stage"]: each.get("built_on", "") for each in record["stages"]}
        assert where["compilation"] == where["native_inference"] == "cpu"
        assert where["compiled_inference"] == where["comparison"] == ""
    (shard,) = report(run)["shards"]
    assert {each["name"] for each in shard["provenance"]["build"]["tools"]} >= {"iree-compile"}
    names = [each.name for each in run.artifacts]
    assert {"duo-lab-0-build-1", "handover.duo-lab-0-1", "duo-lab-0-1", "report.duo.1"} <= set(names)
    assert "Devices that only run" in run.jobs[-1].summary


def test_a_lost_build_is_no_failure_of_the_device_and_can_be_repeated(repository: Path, tmp_path: Path) -> None:
    run = dispatch(repository, tmp_path, {"*/Build the shard": "exit 1"})
    assert run.conclusion == "failure"
    assert ends(run) == dict.fromkeys([*CASES, REFUSED], "INFRA")
    assert {record["error"]["signature"] for record in report(run)["records"]} == {"its build was lost"}
    again = dispatch(repository, tmp_path, rerun_failed=True)
    assert again.conclusion == "success", again.explain()
    assert ends(again) == {**dict.fromkeys(CASES, "PASS"), REFUSED: "XFAIL"}


def test_a_lost_device_is_told_with_what_its_build_knew(repository: Path, tmp_path: Path) -> None:
    run = dispatch(repository, tmp_path, {"*/Run the shard": "exit 1"})
    assert run.conclusion == "failure"
    assert ends(run) == {**dict.fromkeys(CASES, "MISSING"), REFUSED: "XFAIL"}
    for record in (each for each in report(run)["records"] if each["case"] != REFUSED):
        assert record["notes"][0].endswith("its build on cpu is there")
        assert {"stage": "compilation", "built_on": "cpu"}.items() <= next(
            each for each in record["stages"] if each["stage"] == "compilation"
        ).items()
    again = dispatch(repository, tmp_path, rerun_failed=True)
    # The build of the first attempt is taken: only the device's job had failed.
    assert again.results["lab (0)/run"] == "success", again.explain()
    assert ends(again) == {**dict.fromkeys(CASES, "PASS"), REFUSED: "XFAIL"}


def test_a_target_without_build_on_has_one_job(repository: Path) -> None:
    text = (repository / WORKFLOW).read_text()
    assert text.count("build-runs-on") == 1
    assert SETUP in (repository / ".github/workflows/shard.yml").read_text()

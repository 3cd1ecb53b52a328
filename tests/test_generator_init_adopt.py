"""A repository that knows nothing of us adopts the wheel, and its own workflow ends in a merged report."""

import json
from importlib.util import find_spec
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from tests.adoption_support import environment, stranger
from tests.adoption_support.environment import call
from tests.workflow_support.executor import Options, WorkflowRun, run_workflow

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed: make install EXTRAS=torch"),
]

#: The manifest's examples of files of the repository, as they are once the comment signs are gone.
EXAMPLES = (
    "- onnx: ../models/my_model.onnx",
    "  name: mine/my_model",
    "  tolerance: {atol: 1.0e-3, rtol: 1.0e-3}",
    "- python: ../models/my_net.py:MyTester",
    "  name: mine/my_net",
)
NET = """\
import torch
from suites import ModelTester


class MyTester(ModelTester):
    def load_model(self):
        return torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2))

    def load_inputs(self):
        return torch.randn(3, 4)
"""
CASES = [
    "smoke/cpu/mine/my_model@onnx",
    "smoke/cpu/mine/my_net@torch-mlir",
    *(f"smoke/cpu/onnx/node/test_{name}@onnx" for name in ("abs", "add", "matmul_2d", "relu", "softmax_axis_1")),
]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("environment")
    return environment.make(folder / "venv", environment.build_wheel(folder))


@pytest.fixture(scope="module")
def repository(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = stranger.make(tmp_path_factory.mktemp("theirs"))
    call(python, "-m", "e2eshard", "generator", "init", folder=root)
    add_models(root)
    call(python, "-m", "e2eshard", "generator", folder=root)
    return root


def add_models(root: Path) -> None:
    """Models of the stranger's own, taken into the suite by the manifest's examples."""
    shape = (
        helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 3]),
        helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 3]),
    )
    graph = helper.make_graph([helper.make_node("Sigmoid", ["x"], ["y"])], "net", shape[:1], shape[1:])
    (root / "models").mkdir()
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9),
        root / "models/my_model.onnx",
    )
    (root / "models/my_net.py").write_text(NET)
    manifest = root / "suites/smoke.yaml"
    text = manifest.read_text()
    for line in EXAMPLES:
        assert text.count(f"  # {line}\n") == 1
        text = text.replace(f"  # {line}\n", f"  {line}\n")
    manifest.write_text(text)


def test_its_generated_files_are_checked_by_the_long_and_the_short_command(repository: Path, python: Path) -> None:
    for start in (["e2eshard", "generator"], ["generator"]):  # the stranger has no package of that name
        assert "up to date" in call(python, "-m", *start, "--check", folder=repository)
    stale = repository / ".github/workflows/suite-smoke.yml"
    good = stale.read_text()
    stale.write_text(good + "#\n")
    assert "stale: .github/workflows/suite-smoke.yml" in call(
        python, "-m", "e2eshard", "generator", "--check", folder=repository, code=3
    )
    stale.write_text(good)


def test_its_packages_of_our_rooms_names_stay_its_own(repository: Path, python: Path) -> None:
    for module in ("runner", "results"):
        said = call(python, "-m", module, folder=repository, code=1)
        assert f"{module} of the stranger was imported" in said or "__main__ of the stranger" in said


def test_its_workflow_runs_to_a_merged_report(repository: Path, python: Path, tmp_path: Path) -> None:
    # Nothing is left out: the action really installs what it pins, and finds it installed.
    run = run_workflow(
        repository,
        ".github/workflows/suite-smoke.yml",
        out=tmp_path,
        event="pull_request",
        options=Options(python=str(python)),
    )
    assert run.conclusion == "success", run.explain()
    report = merged_report(run)
    outcomes = {record["case"]: record["outcome"] for record in report["records"]}
    assert outcomes == dict.fromkeys(CASES, "PASS")
    assert all(record["reproduce"].startswith("python -m e2eshard runner ") for record in report["records"])
    assert "Requirement already satisfied: e2eshard==" in run.jobs[0].step("Set up").log
    # Only the shard whose case needs it installs torch.
    logs = [job.step("Set up").log for job in run.jobs if job.steps]
    assert ["Requirement already satisfied: torch==" in log for log in logs] == [False, False, True, False], (
        run.explain()
    )


def merged_report(run: WorkflowRun) -> dict[str, list[dict[str, str]]]:
    report = run.artifact("report.smoke.1").path / "results.json"
    content: dict[str, list[dict[str, str]]] = json.loads(report.read_text())
    return content


def test_without_workflows_the_same_commands_work_at_the_prompt(repository: Path, python: Path, tmp_path: Path) -> None:
    start = ["-m", "e2eshard"]
    call(python, *start, "runner", "--shard", "smoke/cpu", "--out", str(tmp_path / "out"), folder=repository)
    said = call(
        python,
        *(*start, "results", "merge", str(tmp_path / "out/smoke")),
        *("--matrix", ".github/matrices/smoke.json", "--out", str(tmp_path / "report")),
        folder=repository,
    )
    assert f"{len(CASES)} cases as expected: PASS={len(CASES)}" in said

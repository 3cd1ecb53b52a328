"""Cases that need an extra have shards of their own, which say so, count its installation, and hand it on."""

import json
from pathlib import Path

import msgspec
import pytest

from generator import cli, extras, matrix, select, timeouts
from schemas import codec
from schemas.matrix import Matrix
from schemas.words import Extra
from suites.timings import Timings
from suites.workspace import Workspace, load

TARGETS = """\
targets:
  cpu:
    backend: llvm-cpu
    device: local-task
    runs-on: ubuntu-24.04
"""
MIXED = """\
suite: mixed
description: Models of every kind
depth: compile
targets: [cpu]
models:
  - name: onnx/node/test_abs
  - name: onnx/net
  - name: onnx/bucket
  - name: onnx/hub
  - name: torch/net
    paths: [torch-mlir, onnx]
  - name: torch/stored
    environment: {IRD_LF_CACHE: "s3://bucket/files"}
  - name: torch/skipped
    skip: not yet
  - onnx: ./plain.onnx
    name: onnx/stablehlo
    lowering: stablehlo
  - python: ./elsewhere.py:Net
    name: mine/elsewhere
    paths: [onnx]
"""
TORCH = """\
from suites import ModelTester


class Net(ModelTester):
    files = {files}

    def load_model(self):
        raise AssertionError("a generator runs no model code")

    def load_inputs(self):
        return ()
"""
ONNX = """\
from suites import OnnxModelTester


class Net(OnnxModelTester):
    files = {files}

    def load_model(self):
        raise AssertionError("a generator runs no model code")
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    suites = tmp_path / "suites"
    files = {
        "targets.yaml": TARGETS,
        "mixed.yaml": MIXED,
        "excused.yaml": "excused:\n  - {name: onnx/*, reason: a fixture needs few models}\n",
        "plain.onnx": "",
        "elsewhere.py": TORCH.format(files=()),
        "models/onnx/net.py": ONNX.format(files=()),
        "models/onnx/bucket.py": ONNX.format(files=("s3://bucket/a.onnx", "weights/a.bin")),
        "models/onnx/hub.py": ONNX.format(files=("weights/a.bin", "hf://owner/name/model.onnx")),
        "models/torch/net.py": TORCH.format(files=()),
        "models/torch/stored.py": TORCH.format(files=("weights/a.bin",)),
        "models/torch/skipped.py": TORCH.format(files=()),
    }
    for name, text in files.items():
        (suites / name).parent.mkdir(parents=True, exist_ok=True)
        (suites / name).write_text(text)
    return tmp_path


@pytest.fixture
def workspace(root: Path) -> Workspace:
    return load(root / "suites")


def made(workspace: Workspace, previous: Matrix | None = None) -> Matrix:
    return matrix.build(workspace, workspace.suite("mixed"), Timings({}), previous)


def without(workspace: Workspace, key: str) -> Workspace:
    """The same folder before a case was added."""
    (suite,) = workspace.suites
    kept = tuple(case for case in suite.cases if case.key != key)
    return msgspec.structs.replace(workspace, suites=(msgspec.structs.replace(suite, cases=kept),))


def test_what_each_case_needs(workspace: Workspace) -> None:
    suite = workspace.suite("mixed")
    assert {case.key: suite.extras_of(case) for case in suite.cases} == {
        "onnx/bucket@onnx": (Extra.S3,),
        "onnx/hub@onnx": (Extra.TORCH,),  # brings huggingface_hub
        "mine/elsewhere@onnx": (Extra.TORCH,),  # whatever its name and path: its class is PyTorch's
        "onnx/net@onnx": (),
        "onnx/node/test_abs@onnx": (),
        "onnx/stablehlo@onnx.stablehlo": (Extra.TORCH_MLIR,),
        "torch/net@onnx": (Extra.TORCH,),
        "torch/net@torch-mlir": (Extra.TORCH,),
        "torch/skipped@torch-mlir": (),
        "torch/stored@torch-mlir": (Extra.S3, Extra.TORCH),
    }


def test_shards_hold_cases_of_equal_needs_and_count_the_installation(workspace: Workspace) -> None:
    (plan,) = made(workspace).targets
    suite = workspace.suite("mixed")
    needs: dict[str, tuple[Extra, ...]] = {case.key: suite.extras_of(case) for case in suite.cases}
    assert [shard.shard for shard in plan.shards] == [0, 1, 2, 3, 4]
    assert [shard.extras for shard in plan.shards] == [
        (),
        ("s3",),
        ("s3", "torch"),
        ("torch",),
        ("torch-mlir",),
    ]
    assert all(needs[key] == shard.extras for shard in plan.shards for key in shard.cases)
    assert sorted(key for shard in plan.shards for key in shard.cases) == sorted(needs)
    setup = workspace.target("cpu").setup_seconds
    for shard in plan.shards:
        assert shard.minutes * 60 >= setup + extras.seconds(shard.extras) - 3  # minutes have one decimal


def test_the_plan_of_plain_cases_says_nothing_of_extras(workspace: Workspace) -> None:
    (plan,) = json.loads(codec.encode_pretty(made(workspace)))["targets"]
    assert ["extras" in shard for shard in plan["shards"]] == [False, True, True, True, True]


def test_planning_again_changes_nothing(workspace: Workspace) -> None:
    first = made(workspace)
    assert made(workspace, first) == first


def test_a_first_pytorch_model_leaves_the_other_shards_alone(workspace: Workspace) -> None:
    before = made(without(workspace, "torch/stored@torch-mlir"))
    after = made(workspace, before)
    cases = [{shard.cases for shard in plan.targets[0].shards} for plan in (before, after)]
    assert cases[1] - cases[0] == {("torch/stored@torch-mlir",)}
    assert cases[0] <= cases[1]


def test_cases_that_stood_together_before_they_needed_an_extra_are_parted(workspace: Workspace) -> None:
    good = made(workspace)
    (plan,) = good.targets
    everything = msgspec.structs.replace(
        plan.shards[0], cases=tuple(sorted(key for shard in plan.shards for key in shard.cases))
    )
    mixed = msgspec.structs.replace(plan, shards=(everything,))
    assert made(workspace, msgspec.structs.replace(good, targets=(mixed,))) == good


def test_select_hands_them_to_the_shards(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--root", str(root), "--suites", str(root / "suites")]) == 0
    capsys.readouterr()
    assert cli.main(["select", "mixed", "--root", str(root)]) == 0
    said = capsys.readouterr().out
    assert json.loads(said.removeprefix("cpu=")) == [
        {"shard": 0},
        {"shard": 1, "extras": "s3"},
        {"shard": 2, "extras": "s3 torch"},
        {"shard": 3, "extras": "torch"},
        {"shard": 4, "extras": "torch-mlir"},
    ]


def test_the_list_of_a_suite_shows_them(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--root", str(root), "--suites", str(root / "suites")]) == 0
    capsys.readouterr()
    assert cli.main(["list", "mixed", "--root", str(root), "--suites", str(root / "suites")]) == 0
    said = capsys.readouterr().out
    assert "mixed/cpu/3  4 cases, " in said
    assert "minutes, with torch\n" in said


def test_what_the_demo_leaves_out_without_torch(workspace: Workspace) -> None:
    chosen = select.select(made(workspace), select.Wishes(tests="^[^/]+/[^/]+/(?!torch/)"))
    kept = {key for shard in chosen.shards for key in shard.cases}
    assert {case.key for case in workspace.suite("mixed").cases} - kept == {
        "torch/net@onnx",
        "torch/net@torch-mlir",
        "torch/skipped@torch-mlir",
        "torch/stored@torch-mlir",
    }
    assert chosen.partial


def test_a_job_that_cannot_hold_the_longer_set_up_is_found(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    targets = root / "suites/targets.yaml"
    targets.write_text(targets.read_text() + "    setup-time: 9m\n    shard-timeout: 49m\n    job-timeout: 60m\n")
    target = load(root / "suites").target("cpu")
    assert not list(timeouts.check(target, "targets.yaml"))
    assert cli.main(["--root", str(root), "--suites", str(root / "suites")]) == 2
    assert "cannot hold a set-up of 620 seconds" in capsys.readouterr().err


def test_every_extra_has_its_time() -> None:
    assert extras.SECONDS.keys() == set(Extra)

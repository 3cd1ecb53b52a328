"""What a run sets instead of the suites, in the runner itself: obeyed, recorded, refused where it would be a lie."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
from importlib.util import find_spec

import msgspec
import pytest

from runner.bundle.batches import batches_of
from runner.options import parse
from runner.overrides import COMMAND_LINE, ENVIRONMENT
from schemas.case import Setting
from schemas.errors import Exit, UsageError
from schemas.record import Record, ShardResults
from schemas.words import Depth, Outcome, SkipReason
from tests.models_support import HEAD, put
from tests.suites_support import TARGETS, folder, manifest

REPOSITORY = pathlib.Path(__file__).parent.parent

NEEDS_TORCH = pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed: make install EXTRAS=torch")


class Place:
    """A folder in which the runner is started."""

    def __init__(self, root: pathlib.Path, body: str) -> None:
        self.root = root
        folder(root / "suites", mine=manifest(body), targets=TARGETS)

    def run(self, *argv: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """`python -m runner`, with nothing of this process's own E2ESHARD_ variables."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("E2ESHARD_")}
        return subprocess.run(
            [sys.executable, "-m", "runner", *argv],
            cwd=self.root,
            env={**own, "PYTHONPATH": str(REPOSITORY), "E2ESHARD_STORE": str(self.root / "store"), **environ},
            capture_output=True,
            text=True,
            check=False,
        )

    def record(self, suite: str) -> Record:
        """The one record of a run."""
        data = (self.root / "out" / suite / "cpu" / "selected" / "results.json").read_bytes()
        (record,) = msgspec.json.decode(data, type=ShardResults).records
        return record


ABS = "models: [{name: onnx/node/test_abs, owner: ada, tuning: {save-ir: true}}]\n"


@pytest.mark.slow
def test_a_run_obeys_and_records_what_was_set(tmp_path: pathlib.Path) -> None:
    place = Place(tmp_path, ABS)
    done = place.run("onnx/node/test_abs", "--target", "cpu", "--opt-level", "O1", E2ESHARD_CONST_EVAL="false")
    assert done.returncode == Exit.OK, done.stderr
    record = place.record("mine")
    assert record.outcome is Outcome.PASS
    assert record.owner == "ada"
    assert record.settings == (Setting("const-eval", "false", ENVIRONMENT), Setting("opt-level", "O1", COMMAND_LINE))
    assert record.flags is not None
    assert {"--iree-opt-level=O1", "--iree-opt-const-eval=false"} <= set(record.flags.compiler)
    assert "--const-eval=false --opt-level=O1" in record.reproduce
    phases = sorted((tmp_path / "out/mine/cpu/selected/logs/onnx/node/test_abs@onnx/ir").glob("*.mlir"))
    assert len(phases) > 5
    assert "util.func" in phases[0].read_text("utf-8")


@pytest.mark.slow
def test_a_case_that_is_not_compared_never_reads_pass(tmp_path: pathlib.Path) -> None:
    place = Place(tmp_path, ABS)
    done = place.run("onnx/node/test_add", "--target", "cpu", "--verify=false")
    assert done.returncode == Exit.OK, done.stderr
    record = place.record("adhoc")
    assert (record.outcome, record.skip_reason) == (Outcome.SKIP, SkipReason.NOT_COMPARED)
    assert record.reached_depth is Depth.COMPILE
    assert record.settings == (Setting("verify", "false", COMMAND_LINE),)
    assert record.reproduce.startswith("python -m runner onnx/node/test_add --path onnx --target cpu --suite adhoc")


BIG = """
class Big(OnnxModelTester):
    def load_model(self):
        graph = Graph(self.rng)
        x = graph.input("x", [4, 64])
        return graph.model({graph.add("MatMul", x, graph.weight(64, 32)): [4, 32]})
"""
BIG_TORCH = """
import torch
from suites import ModelTester

class Big(ModelTester):
    def load_model(self):
        return torch.nn.Linear(64, 64)

    def load_inputs(self):
        return torch.randn(2, 64)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "argv",
    [
        ("onnx/big",),
        pytest.param(("torch/big",), marks=NEEDS_TORCH),
        pytest.param(("torch/big", "--path", "onnx"), marks=NEEDS_TORCH),
    ],
)
def test_weights_go_into_an_archive_which_the_compiler_reads(tmp_path: pathlib.Path, argv: tuple[str, ...]) -> None:
    place = Place(tmp_path, "models: [{tag: abs}]\n")
    put(place.root, "suites/models/onnx/big.py", HEAD + BIG)
    put(place.root, "suites/models/torch/big.py", BIG_TORCH)
    done = place.run(*argv, "--target", "cpu", "--const-eval-parameters", E2ESHARD_EXTERNALIZE="true")
    assert done.returncode == Exit.OK, done.stderr + done.stdout
    record = place.record("adhoc")
    assert record.outcome is Outcome.PASS
    assert record.flags is not None
    assert [each for each in record.flags.runtime if each.startswith("--parameters=model=")]
    assert [each for each in record.flags.compiler if each.startswith("--iree-parameter-import=model=")]
    assert [each.name for each in record.settings] == ["const-eval-parameters", "externalize"]


def test_a_wrong_variable_is_exit_2(tmp_path: pathlib.Path) -> None:
    place = Place(tmp_path, ABS)
    done = place.run("onnx/node/test_abs", "--target", "cpu", E2ESHARD_OPT_LEVL="O1")
    assert done.returncode == Exit.USAGE, done.stderr
    assert "did you mean E2ESHARD_OPT_LEVEL?" in done.stderr


@pytest.mark.slow
def test_a_bundle_is_not_said_to_have_what_it_was_made_without(tmp_path: pathlib.Path) -> None:
    place = Place(tmp_path, ABS)
    done = place.run("onnx/node/test_abs", "--target", "cpu", "--keep", "all", "--const-eval=false")
    assert done.returncode == Exit.OK, done.stderr
    bundle = str(tmp_path / "out/mine/cpu/selected/bundles/onnx/node/test_abs__onnx")
    out = ("--out", str(tmp_path / "again"))
    with pytest.raises(UsageError, match="--opt-level changes compilation") as caught:
        batches_of(parse([bundle, "--from", "compiled_inference", "--opt-level=O3", *out]))
    assert "--from compilation" in caught.value.remedy
    (same,) = batches_of(parse([bundle, "--from", "compiled_inference", "--const-eval=false", *out]))
    assert same.cases[0].tuning.const_eval is False, "it was made so"
    (other,) = batches_of(parse([bundle, "--from", "compilation", "--opt-level=O3", *out]))
    assert [(each.name, each.value) for each in other.cases[0].settings] == [
        ("const-eval", "false"),
        ("opt-level", "O3"),
    ]

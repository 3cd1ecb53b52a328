"""`--emit` writes a model in other forms beside its record; one that fails is told, and keeps no other away."""

from __future__ import annotations

import pathlib
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import onnx
import pytest
from iree.compiler import ir

from runner.emit_forms import FILES, Form
from runner.options import parse
from schemas.errors import UsageError
from tests.models_support import put
from tests.stages_support.cases import a_model
from tests.suites_support import folder, manifest
from tests.torch_support import NEEDS_TORCH, model

REPOSITORY = pathlib.Path(__file__).parent.parent
NEEDS_TORCH_MLIR = pytest.mark.skipif(
    find_spec("torch_mlir") is None, reason="torch-mlir is absent: make install EXTRAS=torch-mlir"
)
FLOAT = onnx.TensorProto.FLOAT


def emit(root: pathlib.Path, name: str, forms: str, *options: str) -> tuple[int, pathlib.Path, str]:
    """Exit code, the model's folder, and what was said, of a run to depth import with --emit."""
    argv = (name, "--target", "cpu", "--depth", "import", "--emit", forms, *options)
    command = [sys.executable, "-m", "runner", *argv, "--suites", str(root / "suites"), "--out", str(root / "out")]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=400)
    (records,) = (root / "out").rglob("records.jsonl")
    return done.returncode, records.parent / "emit" / name.partition("@")[0], done.stdout + done.stderr


def onnx_suite(root: pathlib.Path, operator: str, outputs: int = 1) -> None:
    """A suite with one ONNX model of one node."""
    shape = ["n"] if operator == "Unique" else [2, 3]
    names = [f"y{number}" for number in range(outputs)]
    node = onnx.helper.make_node(operator, ["x"], names)
    a_model(root / "m.onnx", [node], [("x", FLOAT, [2, 3])], [(each, FLOAT, shape) for each in names])
    folder(root / "suites", mine=manifest("models:\n  - onnx: ../m.onnx\n"))


def parsed(path: pathlib.Path) -> str:
    """The text of a module, once the compiler has taken it for one."""
    text = path.read_text("utf-8")
    with ir.Context():
        ir.Module.parse(text)
    return text


@pytest.mark.slow
@NEEDS_TORCH_MLIR
def test_an_onnx_model_in_all_forms(tmp_path: pathlib.Path) -> None:
    onnx_suite(tmp_path, "Abs")
    code, made, said = emit(tmp_path, "onnx/m", ",".join(Form))
    assert code == 0, said
    assert {each.name for each in made.iterdir()} == {*FILES.values(), "input_0.npy"}
    onnx.checker.check_model(str(made / "model.onnx"))
    assert "onnx.Abs" in parsed(made / "torch.mlir")
    assert "linalg.generic" in parsed(made / "linalg.mlir")
    assert "stablehlo.abs" in parsed(made / "stablehlo.mlir")
    assert np.load(made / "input_0.npy").shape == (2, 3)
    assert said.count("emitted onnx/m as ") == len(Form)


@pytest.mark.slow
def test_a_form_that_fails_is_told_and_the_others_are_written(tmp_path: pathlib.Path) -> None:
    onnx_suite(tmp_path, "Unique")
    code, made, said = emit(tmp_path, "onnx/m", "linalg,onnx,torch-mlir")
    assert code == 1
    assert "1 PASS" in said, "the case itself goes no further than its import"
    assert "not emitted: onnx/m as linalg: " in said
    assert {each.name for each in made.iterdir()} == {"model.onnx", "torch.mlir", "input_0.npy", "linalg.log"}
    assert "iree-opt" in (made / "linalg.log").read_text()


@pytest.mark.slow
@NEEDS_TORCH
@NEEDS_TORCH_MLIR
def test_a_pytorch_model_in_all_forms_whatever_the_path_of_its_case(tmp_path: pathlib.Path) -> None:
    text = model(
        "def forward(self, x):\n    return self.a(x).abs()", "torch.randn(2, 4)", init="self.a = nn.Linear(4, 3)"
    )
    root = folder(tmp_path / "suites", mine=manifest("models:\n  - name: torch/mine\n"))
    put(root, "models/torch/mine.py", text)
    code, made, said = emit(tmp_path, "torch/mine", ",".join(Form), "--path", "onnx")
    assert code == 0, said
    assert {each.name for each in made.iterdir()} == {*FILES.values(), "input_0.npy"}
    onnx.checker.check_model(str(made / "model.onnx"))
    assert "torch.aten.abs" in parsed(made / "torch.mlir"), "PyTorch's own operators, not those of ONNX"
    assert "linalg." in parsed(made / "linalg.mlir")
    assert "stablehlo.dot_general" in parsed(made / "stablehlo.mlir")
    assert np.load(made / "input_0.npy").shape == (2, 4)


@pytest.mark.slow
def test_a_form_has_the_cases_time_and_no_more(tmp_path: pathlib.Path) -> None:
    root = folder(tmp_path / "suites", mine=manifest("models:\n  - name: onnx/mine\n"))
    hangs = "import os, time\nif os.environ.get('HANG') != 'no':\n    time.sleep(1000)\n"
    put(root, "models/onnx/mine.py", f"{hangs}from suites import OnnxModelTester\n\n\n{_TESTER}")
    code, made, said = emit(tmp_path, "onnx/mine", "onnx", "--timeout", "3s", "--no-rerun")
    assert code == 1
    assert "not emitted: onnx/mine as onnx: no time left" in said
    assert not (made / "model.onnx").exists()


_TESTER = "class Mine(OnnxModelTester):\n    def load_model(self):\n        return 'x.onnx'\n"


def test_mistakes_on_the_command_line() -> None:
    assert parse(["onnx/m", "--target", "cpu", "--emit", "onnx, linalg,onnx"]).emit == (Form.ONNX, Form.LINALG)
    with pytest.raises(UsageError, match="--emit: there is no form 'stable-hlo'"):
        parse(["onnx/m", "--target", "cpu", "--emit", "stable-hlo"])
    with pytest.raises(UsageError, match="--emit belongs to CASE-OR-MODEL"):
        parse(["--shard", "s/cpu", "--emit", "onnx"])

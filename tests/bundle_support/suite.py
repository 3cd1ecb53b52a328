"""A small suite of real models, run once with its bundles kept; then moved away from all that it was made of."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from schemas.record import CaseRecord, JournalLine, Record
from tests.stages_support.cases import a_model

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGETS = """\
targets:
  cpu:
    backend: llvm-cpu
    device: local-task
    compile-flags: [--iree-llvmcpu-target-cpu=host]
    runs-on: ubuntu-24.04
    jobs: 2
    memory-limit: 3GiB
"""
SUITE = """\
suite: small
description: Models that end in each way that a bundle must be able to repeat
depth: execute
targets: [cpu]
models:
  - onnx: ./own/good.onnx
  - onnx: ./own/inexact.onnx
    tolerance: {atol: 0, rtol: 0}
  - onnx: ./own/outside.onnx
  - onnx: ./own/refused.onnx
  - python: ./own/code.py:Code[small]
"""
CODE = '''\
"""A model made by code, whose compared outputs are not what the module returns."""

import onnx
from onnx import TensorProto, helper

from suites import OnnxModelTester


class Code(OnnxModelTester):
    variants = {"small": {"size": 6}, "large": {"size": 60}}

    def load_model(self):
        size = self.parameters["size"]
        node = helper.make_node("Sin", ["x"], ["y"])
        values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [size]) for name in "xy"]
        graph = helper.make_graph([node], "code", values[:1], values[1:])
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)

    def postprocess(self, outputs):
        return {"sum": outputs["y"].cumsum(), "largest": outputs["y"].max()}
'''
#: Names of the models' bundles whose cases come to a comparison, and of all.
COMPARED = ("good", "inexact", "outside", "code")
ALL = (*COMPARED, "refused")


class SmallSuite:
    """Manifests, models, store and results below one folder."""

    def __init__(self, root: pathlib.Path) -> None:
        self.root = root
        self.store = root / "store"
        models = root / "suites" / "own"
        models.mkdir(parents=True)
        (root / "suites" / "targets.yaml").write_text(TARGETS)
        (root / "suites" / "small.yaml").write_text(SUITE)
        (models / "code.py").write_text(CODE)
        _matmul(models / "good.onnx")
        _matmul(models / "inexact.onnx", columns=512)
        _matmul(models / "outside.onnx", external="weights/outside.bin")
        node = helper.make_node("RMSNormalization", ["x", "s"], ["y"])
        values = [("x", TensorProto.FLOAT, (2, 4)), ("s", TensorProto.FLOAT, (4,))]
        refused = a_model(models / "refused.onnx", [node], values, [("y", TensorProto.FLOAT, (2, 4))])
        model = onnx.load(refused)
        model.opset_import[0].version = 23
        onnx.save(model, refused)

    def run(self, *arguments: str, cwd: pathlib.Path | None = None, **extra: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            cwd=cwd or self.root,
            env=self.environment(**extra),
            capture_output=True,
            text=True,
            check=False,
        )

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "runner", *arguments, "--no-rerun"]

    def environment(self, **extra: str) -> dict[str, str]:
        keep = {name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "CI"))}
        environment = {"PYTHONPATH": str(ROOT), "E2ESHARD_STORE": str(self.store), "E2ESHARD_OFFLINE": "1"}
        return {**keep, **environment, **extra}

    def keep(self, names: Sequence[str], *options: str) -> dict[str, pathlib.Path]:
        """Run models by name; their bundles by name."""
        done = self.run(*(f"onnx/{name}*" for name in names), "--target", "cpu", *options)
        assert done.returncode in (0, 1), done.stdout + done.stderr
        folder = self.root / "out" / "small" / "cpu" / "selected" / "bundles" / "onnx"
        return {path.parent.relative_to(folder).parts[0].partition("__")[0]: path.parent for path in _bundles(folder)}

    def move_away(self, bundles: dict[str, pathlib.Path], to: pathlib.Path) -> dict[str, pathlib.Path]:
        """Move bundles to another folder, and remove models, manifests, results and the store."""
        to.mkdir(parents=True)
        moved = {name: pathlib.Path(shutil.move(path, to / name)) for name, path in bundles.items()}
        for each in ("suites", "out", "store"):
            shutil.rmtree(self.root / each, ignore_errors=True)
        return moved


def _bundles(folder: pathlib.Path) -> list[pathlib.Path]:
    return sorted(folder.rglob("bundle.json"))


def records(folder: pathlib.Path) -> dict[str, Record]:
    """The journal's records by the model's name."""
    lines = (folder / "records.jsonl").read_bytes().splitlines()
    found = [msgspec.json.decode(line, type=JournalLine) for line in lines]
    return {
        line.record.model.removeprefix("onnx/").partition("/")[0]: line.record
        for line in found
        if isinstance(line, CaseRecord)
    }


_OF_ONE_COMPILATION = (
    "vmfb_bytes",
    "modules_compiled",
    "modules_from_cache",
    "compile_seconds",
    "compile_peak_rss_bytes",
)


def verdict(record: Record, *, exact: bool = False) -> dict[str, Any]:
    """What must be the same wherever and from whichever stage a case goes on."""
    return {
        "outcome": record.outcome,
        "exit_status": record.exit_status,
        "signature": record.error.signature if record.error else None,
        "reached": record.reached_depth,
        "comparisons": record.comparisons,
        # The compiler writes the path of its input into the module: its size depends on where it was compiled.
        "metrics": {name: value for name, value in record.metrics.items() if exact or name not in _OF_ONE_COMPILATION},
        "stages": [(each.stage, each.status) for each in record.stages],
        "notes": record.notes,
        "compiler": record.flags.compiler if record.flags else None,
        "seed": record.seed,
    }


def _matmul(path: pathlib.Path, columns: int = 8, external: str = "") -> None:
    generator = np.random.Generator(np.random.PCG64(7))
    weights = numpy_helper.from_array(generator.standard_normal((columns, 5), dtype=np.float32), "w")
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    x, y = ("x", TensorProto.FLOAT, (3, columns)), ("y", TensorProto.FLOAT, (3, 5))
    a_model(path, [node], [x], [y], [weights])
    if external:
        (path.parent / external).parent.mkdir()
        onnx.save(
            onnx.load(path),
            path,
            save_as_external_data=True,
            location=external,
            size_threshold=0,
            convert_attribute=True,
        )

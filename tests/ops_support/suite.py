"""A suite of small ONNX models that goes op by op, with the runner's command line over it."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import msgspec
import onnx
from onnx import TensorProto, helper

from runner.ops.journal import read
from runner.pool import WORKER_VARIABLE
from schemas.ops import OpResult, OpUse
from schemas.record import CaseRecord, JournalLine, Record
from tests.ops_support.worker import RAN
from tests.stages_support.cases import a_model

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGETS = """\
targets:
  cpu:
    backend: llvm-cpu
    device: local-task
    compile-flags: [--iree-llvmcpu-target-cpu=host]
    runs-on: ubuntu-24.04
    jobs: {jobs}
    memory-limit: {memory}
"""
SUITE = """\
suite: ops
description: Small models, each operation alone
depth: {depth}
targets: [cpu]
defaults: {{op-timeout: 20s}}
models:
"""


def node(op: str, name: str, read: Sequence[str], *made: str, **attributes: Any) -> Any:
    return helper.make_node(op, list(read), list(made), name=name, **attributes)


class OpSuite:
    """Manifests, models, store and results below one folder."""

    def __init__(
        self, root: pathlib.Path, depth: str = "execute-op-by-op", jobs: int = 1, memory: str = "1500MiB"
    ) -> None:
        self.root = root
        self.ran = root / "ran"
        self.suites = root / "suites"
        (self.suites / "models").mkdir(parents=True)
        (self.suites / "targets.yaml").write_text(TARGETS.format(jobs=jobs, memory=memory))
        self._manifest = self.suites / "ops.yaml"
        self._manifest.write_text(SUITE.format(depth=depth))

    def model(self, name: str, nodes: Sequence[Any], *, size: int = 4, settings: str = "", opset: int = 21) -> None:
        """A model of one input ``x``, a square of ``size``; its last node makes the output, which is like it."""
        shape = (size, size)
        outputs = [(nodes[-1].output[0], TensorProto.FLOAT, shape)]
        path = self.suites / "models" / f"{name}.onnx"
        model = onnx.load(a_model(path, nodes, [("x", TensorProto.FLOAT, shape)], outputs))
        model.opset_import[0].version = opset
        onnx.save(model, path)
        with self._manifest.open("a") as file:
            file.write(f"  - onnx: ./models/{name}.onnx\n")
            file.write("".join(f"    {line}\n" for line in settings.splitlines()))

    def start(self, *arguments: str, faulty: bool = True) -> subprocess.Popen[str]:
        keep = {name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "CI"))}
        keep |= {WORKER_VARIABLE: "tests.ops_support.worker:run", RAN: str(self.ran)} if faulty else {}
        return subprocess.Popen(
            [sys.executable, "-m", "runner", *arguments, "--no-rerun"],
            cwd=self.root,
            env={**keep, "PYTHONPATH": str(ROOT), "E2ESHARD_STORE": str(self.root / "store")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, code: int = 0, faulty: bool = True) -> str:
        """What it printed; the exit code must be ``code``."""
        with self.start(*arguments, faulty=faulty) as process:
            out, err = process.communicate(timeout=300)
        assert process.returncode == code, out + err
        return out + err

    def walk(self, *names: str, code: int = 0, options: Sequence[str] = ()) -> str:
        """Run models by name."""
        return self.run(*(f"onnx/{name}" for name in names), "--target", "cpu", *options, code=code)

    @property
    def folder(self) -> pathlib.Path:
        return self.root / "out" / "ops" / "cpu" / "selected"

    def record(self, name: str) -> Record:
        lines = (self.folder / "records.jsonl").read_bytes().splitlines()
        found = [msgspec.json.decode(line, type=JournalLine) for line in lines]
        records = [each.record for each in found if isinstance(each, CaseRecord)]
        return next(each for each in records if each.model == f"onnx/{name}")

    def journal(self, name: str) -> pathlib.Path:
        return self.folder / "ops" / "onnx" / f"{name}@onnx.jsonl"

    def uses(self, name: str) -> list[OpUse]:
        return [line for line in read(self.journal(name)) if isinstance(line, OpUse)]

    def results(self, name: str) -> dict[str, OpResult]:
        """By the name of the operation, without its domain; the last result of each."""
        return {each.key.name.removeprefix("onnx."): each for each in self.all_results(name)}

    def all_results(self, name: str) -> list[OpResult]:
        """As they came."""
        return [line for line in read(self.journal(name)) if isinstance(line, OpResult)]

    def ran_ops(self) -> list[str]:
        """The operations whose modules were made, in order."""
        return [line.removeprefix("onnx.") for line in self.ran.read_text().split()] if self.ran.exists() else []

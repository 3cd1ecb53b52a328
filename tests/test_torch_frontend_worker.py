"""Shards with PyTorch models load torch once, before they fork; without torch such a case says so at once."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import time

import msgspec
import pytest

from runner.pool import TORCH_WORKER, WORKER_VARIABLE, Zygote
from schemas.record import CaseRecord, JournalLine, Record
from schemas.words import Outcome, Stage
from tests.models_support import put
from tests.torch_support import NEEDS_TORCH, model

pytestmark = pytest.mark.slow
ROOT = pathlib.Path(__file__).resolve().parents[1]
SUITE = """\
suite: small
description: One PyTorch model
depth: execute
targets: [cpu]
models:
  - python: ./own/net.py:Mine
"""
TARGETS = """\
targets:
  cpu: {backend: llvm-cpu, device: local-task, runs-on: ubuntu-24.04, compile-flags: [--iree-llvmcpu-target-cpu=host]}
"""
#: Prints what was loaded when its process began, and how many threads PyTorch uses.
NET = (
    model("def forward(self, x):\n    return x * 2", "torch.randn(3)").replace(
        "from __future__ import annotations\n",
        "from __future__ import annotations\n"
        "import sys\nprint('LOADED', sorted({'torch', 'transformers'} & sys.modules.keys()))\n",
    )
    + "\nprint('THREADS', torch.get_num_threads(), torch.are_deterministic_algorithms_enabled())\n"
)
ABSENT = """
import sys
from importlib.abc import MetaPathFinder


class Absent(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "torch":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None


sys.meta_path.insert(0, Absent())
import importlib.util
_find = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name == "torch" else _find(name, package)
"""


def run(root: pathlib.Path, *path: pathlib.Path) -> Record:
    put(root, "suites/targets.yaml", TARGETS)
    put(root, "suites/small.yaml", SUITE)
    put(root, "suites/own/net.py", NET)
    keep = {name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "CI"))}
    places = os.pathsep.join(map(str, (*path, ROOT)))
    done = subprocess.run(
        [sys.executable, "-m", "runner", "torch/net", "--target", "cpu", "--no-rerun"],
        cwd=root,
        env={**keep, "PYTHONPATH": places, "E2ESHARD_STORE": str(root / "store")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    lines = (root / "out" / "small" / "cpu" / "selected" / "records.jsonl").read_bytes().splitlines()
    found = [msgspec.json.decode(line, type=JournalLine) for line in lines]
    (record,) = [line.record for line in found if isinstance(line, CaseRecord)]
    return record


@NEEDS_TORCH
def test_a_case_finds_torch_loaded_and_uses_one_thread(tmp_path: pathlib.Path) -> None:
    record = run(tmp_path)
    assert record.outcome is Outcome.PASS, record.error
    (log,) = tmp_path.rglob("setup.log")
    assert log.read_text().split("\n")[:2] == ["LOADED ['torch']", "THREADS 1 True"]


@NEEDS_TORCH
def test_the_zygote_has_one_thread_with_torch_loaded(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It refuses to serve otherwise; the variables that keep libraries from starting threads are its own."""
    monkeypatch.delenv(WORKER_VARIABLE, raising=False)
    with Zygote(tmp_path / "log", TORCH_WORKER) as zygote:
        zygote.wait_ready()
        maps = pathlib.Path(f"/proc/{zygote.pid}/maps").read_text()
        assert "libtorch_cpu" in maps
        assert len(list(pathlib.Path(f"/proc/{zygote.pid}/task").iterdir())) == 1


def test_without_torch_a_case_says_so_at_once(tmp_path: pathlib.Path) -> None:
    put(tmp_path, "site/sitecustomize.py", ABSENT)
    begun = time.monotonic()
    record = run(tmp_path / "made", tmp_path / "site")
    assert time.monotonic() - begun < 60
    assert (record.outcome, record.exit_status) == (Outcome.INFRA, Stage.SETUP)
    assert record.error is not None
    assert "a PyTorch model, and torch is not installed here" in record.error.excerpt
    assert "make install EXTRAS=torch" in record.error.excerpt
    assert sum(each.seconds for each in record.stages) < 2


def test_a_torch_that_cannot_be_loaded_fails_its_case_only(tmp_path: pathlib.Path) -> None:
    put(tmp_path, "site/torch/__init__.py", "raise ImportError('libtorch_cpu.so: cannot open shared object file')\n")
    record = run(tmp_path / "made", tmp_path / "site")
    assert (record.outcome, record.exit_status) == (Outcome.FAIL, Stage.SETUP)
    assert record.error is not None
    assert "libtorch_cpu.so: cannot open shared object file" in record.error.excerpt


def test_neither_runner_nor_authoring_face_load_torch() -> None:
    code = (
        "import sys, runner.shard, runner.worker, runner.torchworker, runner.frontends, suites, generator.cli\n"
        "print(sorted({'torch', 'onnx', 'iree', 'transformers'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

"""A folder with targets, a manifest and definitions of other suites, and the runner's command line over it."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import msgspec

from schemas.case import Case
from schemas.record import CaseRecord, JournalLine, Record
from suites import workspace

ROOT = pathlib.Path(__file__).resolve().parents[2]

TARGETS = """\
targets:
  cpu: {backend: llvm-cpu, device: local-task, runs-on: ubuntu-24.04, compile-flags: [--iree-llvmcpu-target-cpu=host]}
  vmvx: {backend: vmvx, device: local-sync, runs-on: ubuntu-24.04}
  vulkan: {backend: vulkan-spirv, device: vulkan, runs-on: ubuntu-24.04}
  mi300: {backend: rocm, device: hip, chip: gfx942, sku: mi300, runs-on: [self-hosted, mi300]}
  mi250: {backend: rocm, device: hip, chip: gfx90a, sku: mi250, runs-on: [self-hosted, mi250]}
"""
CPU_FLAGS = (
    "--iree-hal-target-device=local",
    "--iree-hal-local-target-device-backends=llvm-cpu",
    "--iree-llvmcpu-target-cpu=host",
)
VMVX_FLAGS = ("--iree-hal-target-device=local", "--iree-hal-local-target-device-backends=vmvx")
#: Twice the argument, and the constant 3.
DOUBLE = """\
func.func @main(%a: tensor<4xf32>) -> tensor<4xf32> {
  %0 = arith.addf %a, %a : tensor<4xf32>
  return %0 : tensor<4xf32>
}
"""


class Folder:
    """`suites/` with one manifest, and whatever files a test writes beside it."""

    def __init__(self, root: pathlib.Path, models: str, *, targets: str = "cpu", depth: str = "execute") -> None:
        self.root = root
        self.suites = root / "suites"
        self.suites.mkdir(parents=True, exist_ok=True)
        (self.suites / "targets.yaml").write_text(TARGETS)
        text = f"suite: theirs\ndescription: Definitions of another suite\ndepth: {depth}\n"
        (self.suites / "theirs.yaml").write_text(f"{text}targets: [{targets}]\nmodels:\n{models}")

    def write(self, name: str, content: str | bytes | Mapping[str, Any]) -> pathlib.Path:
        """A file by its path from the suites' folder: text, bytes, or JSON."""
        path = self.suites / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content if isinstance(content, str) else json.dumps(content, indent=2))
        return path

    def cases(self, target: str = "cpu") -> dict[str, Case]:
        """The cases of a target by model; raises ManifestError."""
        return {each.model: each for each in workspace.load(self.suites).suite("theirs").cases_for(target)}

    def run(self, *names: str, target: str = "cpu", code: int | None = None, **environment: str) -> dict[str, Record]:
        """The records by model, of one run of the runner that names models (all, where none is named).

        All tests of a session share a store: the compiler's library is hashed once.
        """
        named = names or tuple(self.cases(target))
        argv = [sys.executable, "-m", "runner", *named, "--target", target, "--no-rerun"]
        argv += ["--suites", str(self.suites), "--root", str(self.root), "--out", str(self.root / "out")]
        keep = {name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "CI"))}
        keep |= {"PYTHONPATH": str(ROOT), "E2ESHARD_STORE": str(self.root.parent / "store"), **environment}
        done = subprocess.run(argv, cwd=ROOT, env=keep, capture_output=True, text=True, check=False)
        journal = self.root / "out" / "theirs" / target / "selected" / "records.jsonl"
        assert journal.is_file(), done.stdout + done.stderr
        lines = [msgspec.json.decode(line, type=JournalLine) for line in journal.read_bytes().splitlines()]
        if code is not None:
            assert done.returncode == code, done.stdout + done.stderr
        return {line.record.model: line.record for line in lines if isinstance(line, CaseRecord)}


def entry(directory: str, form: str, **more: str) -> str:
    """One entry of `models:`."""
    lines = [f"  - directory: {directory}", f"    format: {form}"]
    lines += [f"    {name.replace('_', '-')}: {value}" for name, value in more.items()]
    return "\n".join(lines) + "\n"

"""A small suite of real models whose target `lab` only runs what `cpu` has built."""

from __future__ import annotations

import pathlib
import shutil
import subprocess
import sys

import msgspec

from schemas.codec import decode
from schemas.partial import CaseBuilt, Partial, PartialLine
from schemas.record import Record, ShardResults
from tests.bundle_support.suite import SmallSuite

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
  lab:
    backend: llvm-cpu
    device: local-sync
    compile-flags: [--iree-llvmcpu-target-cpu=generic]
    runs-on: [self-hosted, linux, lab]
    build-on: cpu
    exclusive-device: true
    memory-limit: 3GiB
"""
SHARD = ("small", "lab", "0")


class TwoMachines(SmallSuite):
    """The suite `small` on `lab`; the folder ``hosted`` is what one machine leaves, ``lab`` the other one."""

    def __init__(self, root: pathlib.Path, more: str = "", targets: str = TARGETS) -> None:
        super().__init__(root)
        (root / "suites" / "targets.yaml").write_text(targets + more)
        manifest = root / "suites" / "small.yaml"
        manifest.write_text(manifest.read_text().replace("targets: [cpu]", "targets: [lab]"))
        self.generate()

    def generate(self) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "generator"], cwd=self.root, env={"PYTHONPATH": str(ROOT)}, capture_output=True,
            text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    def half(self, half: str, out: str, *options: str, **extra: str) -> subprocess.CompletedProcess[str]:
        hosted = self.root / "hosted"
        if half == "device" and hosted.is_dir():  # the artifact that the device's job fetches
            shutil.copytree(hosted, self.root / "handover" / "small-lab-0-build-1", dirs_exist_ok=True)
        return self.run(*half_of(half, out), *options, **extra)

    def results(self, out: str) -> dict[str, Record]:
        """The shard's records by the model's name."""
        file = self.root.joinpath(out, *SHARD, "results.json")
        records = decode(file.read_bytes(), ShardResults).records
        return {name_of(record.case): record for record in records}

    def partials(self, out: str) -> dict[str, Partial]:
        """What the build says of each case, by the model's name."""
        text = self.root.joinpath(out, *SHARD, "build", "partial.jsonl").read_bytes()
        found = [msgspec.json.decode(line, type=PartialLine) for line in text.splitlines()]
        return {name_of(line.partial.case): line.partial for line in found if isinstance(line, CaseBuilt)}

    def merge(self, *folders: str) -> tuple[int, dict[str, Record], list[str]]:
        """Exit code, records and problems of the merged report."""
        matrix = ".github/matrices/small.json"
        done = subprocess.run(
            [sys.executable, "-m", "results", "merge", *folders, "--matrix", matrix, "--out", "report"],
            cwd=self.root, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        report = msgspec.json.decode((self.root / "report" / "results.json").read_bytes())
        records = msgspec.convert(report["records"], tuple[Record, ...])
        assert len({record.case for record in records}) == len(records)
        problems = [f"{each['kind']}: {each['text']}" for each in report["problems"]]
        return done.returncode, {name_of(record.case): record for record in records}, problems


def half_of(half: str, out: str) -> tuple[str, ...]:
    """The options that name one half of the shard."""
    return ("--shard", "/".join(SHARD), "--half", half, "--out", out, "--handover", "handover")


def name_of(case: str) -> str:
    """``good`` of ``small/lab/onnx/good@onnx``."""
    return case.split("/")[3].partition("@")[0].partition("/")[0]


def runtime_only(folder: pathlib.Path) -> str:
    """A PYTHONPATH with which no compiler and no framework is found, by way of a file in ``folder``."""
    (folder / "sitecustomize.py").write_text(
        "import sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in ('onnx', 'onnxruntime', 'torch') or name.startswith('iree.compiler'):\n"
        "            raise ModuleNotFoundError(name, name=name)\n"
        "sys.meta_path.insert(0, Absent())\n"
    )
    return f"{folder}:{ROOT}"

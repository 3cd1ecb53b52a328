"""A folder of op tests made from the onnx package, run by our runner and by hand with the same flags: same verdicts?

    python benchmarks/onnx_ops_tree.py [--tests REGEX] [--every N] [--folder DIR] [--jobs N]

Writes one folder a node case (model.mlir, input_<n>.bin, output_<n>.bin, run_module_io_flags.txt) below DIR, and a
configuration file; runs iree-compile and iree-run-module on each as the suite's own tool does; runs the same tree
through a manifest entry with `format: onnx-ops`. Prints how many agree, and each case that does not; exits with 1 then.
Cases whose values are no plain tensors, and those that the importer refuses, have no folder.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from runner import toolchain
from runner.protocol import Toolchain
from schemas.record import CaseRecord, JournalLine, Record
from schemas.target import Target
from schemas.words import EXIT_NUMERICS, Outcome, Stage

CPU = Target(name="cpu", backend="llvm-cpu", device="local-task", runs_on=("ubuntu-24.04",), hosted=True)
CONFIG = {
    "config_name": "cpu_llvm_sync",
    "iree_compile_flags": [
        "--iree-hal-target-device=local",
        "--iree-hal-local-target-device-backends=llvm-cpu",
        "--iree-llvmcpu-target-cpu=host",
        "--iree-input-demote-f64-to-f32=false",
    ],
    "iree_run_module_flags": ["--device=local-sync"],
    "skip_compile_tests": [],
    "skip_run_tests": [],
    "expected_compile_failures": [],
    "expected_run_failures": [],
}
MANIFEST = """\
suite: tree
description: Op tests made from the onnx package
depth: execute
targets: [cpu]
defaults: {timeout: 4m}
models:
  - directory: ../onnx_ops
    format: onnx-ops
    config: ../onnx_ops/config.json
"""
TARGETS = """\
targets:
  cpu: {backend: llvm-cpu, device: local-task, runs-on: ubuntu-24.04, shard-timeout: 5h, job-timeout: 6h}
"""
FLAGS_FILE = "run_module_io_flags.txt"


def main(argv: Sequence[str] | None = None) -> int:
    """0 where every verdict agrees."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tests", default="", metavar="REGEX", help="only node cases whose name matches")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only every Nth of them")
    parser.add_argument("--folder", type=pathlib.Path, metavar="DIR", help="where to write (default: a temporary one)")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="cases at a time (default: 2)")
    options = parser.parse_args(argv)
    folder = options.folder or pathlib.Path(tempfile.mkdtemp(prefix="onnx-ops-"))
    root = folder / "onnx_ops"
    tests = make_tree(root, re.compile(options.tests), options.every)
    print(f"{len(tests)} tests in {folder}", flush=True)
    tools = toolchain.find(None, CPU)
    begun = time.monotonic()
    ours = run_ours(folder, options.jobs)
    middle = time.monotonic()
    print(f"ours    {middle - begun:.0f} s: {dict(Counter(ours.values()))}", flush=True)
    with ThreadPoolExecutor(options.jobs) as pool:
        by_hand = dict(zip(tests, pool.map(lambda test: run_by_hand(root / test, tools), tests), strict=True))
    print(f"by hand {time.monotonic() - middle:.0f} s: {dict(Counter(by_hand.values()))}")
    other = [test for test in tests if ours.get(test) != by_hand[test]]
    for test in other:
        print(f"  {test}: by hand {by_hand[test]}, ours {ours.get(test)}")
    print(f"{len(tests) - len(other)} of {len(tests)} verdicts agree")
    return 1 if other else 0


def make_tree(root: pathlib.Path, wanted: re.Pattern[str], every: int) -> list[str]:
    """The tests' names: their folders' paths from ``root``."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "config.json").write_text(json.dumps(CONFIG, indent=2))
    made = []
    for case in _cases(wanted, every):
        test = f"onnx/node/generated/{case.name}"
        if write_test(root / test, case):
            made.append(test)
    return made


def _cases(wanted: re.Pattern[str], every: int) -> Iterator[Any]:
    from onnx.backend.test.case.node import collect_testcases  # noqa: PLC0415 - takes seconds

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cases = sorted(collect_testcases(None), key=lambda case: str(case.name))
    yield from [case for case in cases if wanted.search(case.name)][::every]


def write_test(folder: pathlib.Path, case: Any) -> bool:
    """Write one test; False where it cannot be one."""
    import numpy as np  # noqa: PLC0415 - with onnx

    from runner.frontends.onnx_importer import import_file  # noqa: PLC0415
    from runner.tensors import element_type, pack  # noqa: PLC0415

    inputs, outputs = case.data_sets[0]
    lines: list[str] = []
    files: dict[str, bytes] = {}
    for flag, stem, values in (("input", "input", inputs), ("expected_output", "output", outputs)):
        for number, value in enumerate(values):
            if not isinstance(value, (np.ndarray, np.generic)):
                return False
            try:
                array = np.array(value, order="C")
                kind = element_type(array)
            except (TypeError, KeyError, ValueError):
                return False
            name = f"{stem}_{number}.bin"
            files[name] = pack(array)
            lines.append(f"--{flag}={'x'.join([*map(str, array.shape), kind.iree])}=@{name}")
    folder.mkdir(parents=True, exist_ok=True)
    model = folder / "model.onnx"
    model.write_bytes(case.model.SerializeToString())
    try:
        import_file(model, folder, ("--opset-version=17",))
    except Exception:  # noqa: BLE001 - whatever the importer cannot do is no test of the compiler
        (folder / "model.mlir").unlink(missing_ok=True)
        model.unlink()
        folder.rmdir()
        return False
    model.unlink()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    (folder / FLAGS_FILE).write_text("\n".join(lines) + "\n")
    return True


def run_by_hand(folder: pathlib.Path, tools: Toolchain) -> str:
    """`pass`, `compile` or `run`: what fails, as the suite's own tool tells it by exit codes."""
    with tempfile.TemporaryDirectory() as scratch:
        compiled = f"{scratch}/model.vmfb"
        argv = [tools.iree_compile, "model.mlir", *CONFIG["iree_compile_flags"], "-o", compiled]
        if subprocess.run(argv, cwd=folder, capture_output=True, check=False).returncode != 0:
            return "compile"
        argv = [tools.iree_run_module, f"--module={compiled}", *CONFIG["iree_run_module_flags"]]
        done = subprocess.run([*argv, f"--flagfile={FLAGS_FILE}"], cwd=folder, capture_output=True, check=False)
        return "pass" if done.returncode == 0 else "run"


def run_ours(folder: pathlib.Path, jobs: int) -> dict[str, str]:
    """The same words from the records of a run of the runner."""
    suites = folder / "suites"
    suites.mkdir(exist_ok=True)
    (suites / "tree.yaml").write_text(MANIFEST)
    (suites / "targets.yaml").write_text(TARGETS)
    argv = [sys.executable, "-m", "runner", "onnx-ops/*", "--target", "cpu", "--suite", "tree", "--no-rerun"]
    argv += ["--keep", "none", "--jobs", str(jobs), "--suites", str(suites), "--root", str(folder)]
    subprocess.run([*argv, "--out", str(folder / "out")], check=False, stdout=subprocess.DEVNULL)
    journal = folder / "out" / "tree" / "cpu" / "selected" / "records.jsonl"
    lines = [msgspec.json.decode(line, type=JournalLine) for line in journal.read_bytes().splitlines()]
    records = [line.record for line in lines if isinstance(line, CaseRecord)]
    return {record.model.removeprefix("onnx-ops/"): _word(record) for record in records}


def _word(record: Record) -> str:
    if record.outcome is Outcome.PASS:
        return "pass"
    if record.exit_status in (Stage.COMPILED_INFERENCE, EXIT_NUMERICS):
        return "run"
    return "compile" if record.exit_status == Stage.COMPILATION else f"{record.outcome} at {record.exit_status}"


if __name__ == "__main__":
    sys.exit(main())

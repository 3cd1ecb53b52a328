"""The same shard in one piece and in two halves: how long its device's machine is needed for, as a ratio in one run.

    python benchmarks/device_minutes.py [--ops N] [--rounds N] [--targets cpu,vulkan] [--models A,B]

`cpu` (llvm-cpu on local-sync) and `vulkan` (lavapipe) stand in for devices of their own, one case at a time, as on an
exclusive device. Every round runs a shard whole, then its build and its device's half, each from an empty store, so
that whatever else the machine does hits all alike. On vulkan a second night follows with another compiler that makes
the same code: of each store only what the device's driver had compiled is left, the whole shard's as well. On
`vulkan-driver` the build also has the driver compile (`precompile-driver`); all its nights are first ones. What is
measured is the wall time of each `python -m runner`: boot, checkout, installation and artifacts are not in it. Both
ways must give the same verdicts; the exit code is 1 when not.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

import msgspec

from runner.cache.inventory import DRIVERS
from schemas.codec import decode
from schemas.record import Record, ShardResults
from suites import catalog

ROOT = pathlib.Path(__file__).resolve().parents[1]
TARGETS = """\
targets:
  host:
    backend: llvm-cpu
    device: local-task
    runs-on: ubuntu-24.04
  cpu:
    backend: llvm-cpu
    device: local-sync
    runs-on: [self-hosted, cpu]
    build-on: host
    exclusive-device: true
    compile-flags: [--iree-llvmcpu-target-cpu=generic, --iree-input-demote-f64-to-f32=false]
"""
VULKAN = """\
  {name}:
    backend: vulkan-spirv
    device: vulkan
    runs-on: [self-hosted, vulkan]
    build-on: host
    exclusive-device: true
    {more}
    environment: {{LP_NATIVE_VECTOR_WIDTH: "256"}}
    compile-flags:
      - "--iree-vulkan-target-features=spirv:v1.6,cap:Shader,cap:Int64,cap:Float64,cap:Int16,cap:Int8,cap:Float16,\\
         cap:StorageBuffer16BitAccess,cap:StorageBuffer8BitAccess,ext:SPV_KHR_16bit_storage,ext:SPV_KHR_8bit_storage"
      - --iree-input-demote-f64-to-f32=false
"""
SUITE = """\
suite: {name}
description: Of a benchmark
depth: execute
targets: [cpu, vulkan, vulkan-driver]
models:
{models}"""
FIRST = 1  # night, before which every store is empty
_LIGHT = tuple(f"onnx/light/{name}" for name in ("resnet50", "squeezenet", "shufflenet", "inception_v1", "densenet121"))
_TORCH = tuple(f"torch/{name}" for name in ("bert/tiny", "resnet/basic", "vit/tiny"))
#: By stand-in. One inference of the larger light models does not end on lavapipe.
_ON_VULKAN = ("onnx/light/shufflenet", *_TORCH)
MODELS = {"cpu": (*_LIGHT, *_TORCH), "vulkan": _ON_VULKAN, "vulkan-driver": _ON_VULKAN}


class Times(msgspec.Struct, frozen=True):
    """Seconds of one round."""

    whole: float
    build: float
    device: float

    @property
    def ratio(self) -> float:
        """The device's seconds in two halves over those in one piece."""
        return self.device / self.whole


def repository(root: pathlib.Path, ops: int, models: Sequence[str]) -> None:
    """Suites `ops` and `models` with their matrices: every shard is shard 0."""
    suites = root / "suites"
    suites.mkdir(parents=True)
    shutil.copytree(ROOT / "suites" / "models", suites / "models")
    vulkan = VULKAN.format(name="vulkan", more="") + VULKAN.format(name="vulkan-driver", more="precompile-driver: {}")
    (suites / "targets.yaml").write_text(TARGETS + vulkan)
    (suites / "excused.yaml").write_text("excused: [{name: '*', reason: a sample is enough}]\n")
    nodes = [
        name for name, entry in catalog.by_name().items() if name.startswith(catalog.NODE_FOLDER) and not entry.skip
    ]
    step = max(1, len(nodes) // ops)
    chosen = {"ops": sorted(nodes)[::step][:ops], "models": list(models)}
    for name, cases in chosen.items():
        lines = "".join(f"  - name: {each}\n" for each in cases)
        (suites / f"{name}.yaml").write_text(SUITE.format(name=name, models=lines))
    command("generator", "--root", str(root), cwd=root, store=root / "store")


def command(*argv: str, cwd: pathlib.Path, store: pathlib.Path) -> float:
    """Seconds of one of our programs."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "E2ESHARD_STORE": str(store), "CI": "1"}
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", *argv], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - begun
    if done.returncode not in (0, 1):
        sys.exit(f"{' '.join(argv)}: exit code {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return seconds


def one_round(root: pathlib.Path, suite: str, target: str, night: int) -> tuple[Times, int, int]:
    """Times of one shard in one piece and in two; its cases, and how many have another verdict in two."""
    stores = (root / "store").glob("*/*")
    kept = () if night == FIRST else (DRIVERS,)
    for old in (
        root / "whole",
        root / "halves",
        root / "handover",
        *(each for each in stores if each.name not in kept),
    ):
        if old.is_dir():
            shutil.rmtree(old)
        else:
            old.unlink(missing_ok=True)
    shard = ("runner", "--shard", f"{suite}/{target}", "--no-rerun", "--keep", "none")
    whole = command(*shard, "--out", "whole", cwd=root, store=root / "store" / "whole")
    halves = ("--out", "halves", "--handover", "handover")
    build = command(*shard, *halves, "--half", "build", cwd=root, store=root / "store" / "build")
    device = command(*shard, *halves, "--half", "device", cwd=root, store=root / "store" / "device")
    one, two = (verdicts(root / each / suite / target) for each in ("whole", "halves"))
    differing = [case for case in sorted(one.keys() | two.keys()) if one.get(case) != two.get(case)]
    for case in differing:
        print(f"{case}: in one piece {one.get(case)}, in two halves {two.get(case)}", file=sys.stderr, flush=True)
    return Times(whole, build, device), len(one), len(differing)


def verdicts(folder: pathlib.Path) -> dict[str, tuple[str, str, str]]:
    """Outcome, place and signature by case, of all shards of a target."""
    records: list[Record] = []
    for file in sorted(folder.glob("*/results.json")):
        records += decode(file.read_bytes(), ShardResults).records
    return {each.case: (each.outcome, each.exit_status, each.error.signature if each.error else "") for each in records}


def show(what: str, times: Sequence[Times], cases: int) -> None:
    """Print a row of medians."""
    whole, build, device = (
        statistics.median(getattr(each, name) for each in times) for name in ("whole", "build", "device")
    )
    ratios = sorted(each.ratio for each in times)
    print(
        f"{what} {cases:>6} {whole:>9.1f} {build:>9.1f} {device:>9.1f} {statistics.median(ratios):>7.3f}  "
        f"{ratios[0]:.3f} to {ratios[-1]:.3f}",
        flush=True,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Print a table; 1 where a verdict differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ops", type=int, default=200, metavar="N", help="node cases (default: 200)")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="(default: 3)")
    parser.add_argument(
        "--targets", default="cpu,vulkan", metavar="A,B", help="stand-ins (default: these two; vulkan-driver)"
    )
    parser.add_argument("--suites", default="ops,models", metavar="A,B", help="(default: both)")
    parser.add_argument(
        "--models", default="", metavar="A,B", help="names of models (default: some that the device runs)"
    )
    options = parser.parse_args(argv)
    wrong = 0
    print(
        f"{'cases':<8} {'device':<13} {'night':>5} {'number':>6} {'whole s':>9} {'build s':>9} {'device s':>9} "
        f"{'ratio':>7}  spread"
    )
    with tempfile.TemporaryDirectory(prefix="e2eshard-device-") as folder:
        roots = {target: pathlib.Path(folder) / target for target in options.targets.split(",")}
        for target, root in roots.items():
            repository(root, options.ops, options.models.split(",") if options.models else MODELS[target])
        for suite in options.suites.split(","):
            for target, root in roots.items():
                nights = (FIRST, FIRST + 1) if target == "vulkan" else (FIRST,)
                rounds = [[one_round(root, suite, target, each) for each in nights] for _ in range(options.rounds)]
                for night, found in enumerate(zip(*rounds, strict=True), FIRST):
                    show(f"{suite:<8} {target:<13} {night:>5}", [each for each, _, _ in found], found[0][1])
                wrong += sum(differing for each in rounds for _, _, differing in each)
    print(f"{wrong} verdicts differ between one piece and two halves")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

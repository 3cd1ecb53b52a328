"""Measures the generator on 100, 1,000 and 5,000 models x 8 targets: seconds, peak memory, and how both grow.

    python benchmarks/generator_scale.py [--models 100 1000 5000] [--targets 8] [--repeat 3]

The folder of suites is made here: models behind addresses, each an entry of its own in one of ten manifests, every
tenth with settings of its own, every case with a recorded duration on every target. `write` makes all matrices and
workflows anew, `check` compares them. Each run is a process of its own, whose start counts. Bounds are held against
seconds of CPU, which other work on the machine does not change much; the generator has one thread.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.tables import Result, middle, options, spread

MANIFESTS = 10
MOST_SECONDS, MOST_MIB = 3.0, 300.0
#: What a further model costs may grow by so much.
LINEAR = 1.25
TARGET = """\
  t{number}:
    description: A target among several
    backend: llvm-cpu
    device: local-task
    runs-on: [self-hosted, t{number}]
    compile-flags: [--iree-llvmcpu-target-cpu=host, --iree-opt-level=O{number}]
    case-timeout: 5m
    shard-timeout: 110m
    job-timeout: 3h
    shard-budget: 30m
    jobs: 2
    capacity: 16
"""


def main() -> int:
    """Prints the table; 1 where the bounds are missed."""
    parser = options(__doc__)
    parser.add_argument("--models", type=int, nargs="+", default=[100, 1000, 5000])
    parser.add_argument("--targets", type=int, default=8)
    parser.add_argument("--repeat", type=int, default=3)
    given = parser.parse_args()
    result = Result("The generator by number of models", ("msgspec", "pyyaml", "jinja2"))
    rows: list[list[str | int | float | None]] = []
    found: dict[tuple[str, int], tuple[float, float]] = {}
    for models in sorted(given.models):
        with tempfile.TemporaryDirectory(prefix="e2eshard-bench-") as name:
            root = Path(name)
            make(root, models, given.targets)
            for program, arguments in (("write", ("--rebalance",)), ("check", ("--check",))):
                runs = [run(root, arguments) for _ in range(given.repeat)]
                walls, cpus, peaks = (list(each) for each in zip(*runs, strict=True))
                found[program, models] = middle(cpus), max(peaks)
                cases = models * given.targets
                each = 1e6 * middle(cpus) / cases
                rows.append([program, models, cases, middle(walls), spread(walls), middle(cpus), each, max(peaks)])
    heads = ["program", "models", "cases", "seconds", "least .. most", "CPU seconds", "µs a case", "peak MiB"]
    result.table("", heads, rows)
    judge(result, found, sorted(given.models), given.targets)
    return result.show(as_json=given.json)


def judge(
    result: Result, found: dict[tuple[str, int], tuple[float, float]], models: Sequence[int], targets: int
) -> None:
    """The bounds, for the largest size; growth from the smallest to the largest with a middle one between them."""
    largest = models[-1]
    for program in ("write", "check"):
        seconds, peak = found[program, largest]
        met = seconds <= MOST_SECONDS and peak <= MOST_MIB
        what = f"{program}, {largest:,} x {targets}: {seconds:.2f} CPU seconds, {peak:.0f} MiB"
        result.verdict(met, f"{what} (at most {MOST_SECONDS:g} s, {MOST_MIB:g} MiB)")
        if len(models) > 2:
            (small, _), (mid, _), (large, _) = (found[program, each] for each in (models[0], models[-2], largest))
            # What a start costs is in all of them: growth is compared between differences.
            first = (mid - small) / (models[-2] - models[0])
            second = (large - mid) / (largest - models[-2])
            text = f"{program}: a model costs {second / first:.2f} times as much between {models[-2]:,} and {largest:,}"
            result.verdict(
                second <= LINEAR * first, f"{text} as between {models[0]:,} and {models[-2]:,} (at most {LINEAR})"
            )


def run(root: Path, arguments: Sequence[str]) -> tuple[float, float, float]:
    """One run of the generator: seconds, seconds of CPU, peak MiB."""
    command = [sys.executable, "-m", "generator", "--root", str(root), *arguments]
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=Path(__file__).parent.parent)
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    if status != 0:
        raise SystemExit(f"{' '.join(command)} failed")
    return wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def make(root: Path, models: int, targets: int) -> None:
    """The folder of suites."""
    suites = root / "suites"
    (suites / "timings").mkdir(parents=True)
    names = [f"t{number}" for number in range(targets)]
    text = "targets:\n" + "".join(TARGET.format(number=number) for number in range(targets))
    (suites / "targets.yaml").write_text(text, encoding="utf-8")
    random = Random(0)
    keys = []
    for part in range(MANIFESTS):
        lines = [
            f"suite: part{part}",
            "description: A part of a zoo",
            "depth: execute",
            f"targets: [{', '.join(names)}]",
        ]
        lines += ["defaults: {timeout: 2m, tolerance: {pcc: 0.99}}", "models:"]
        for number in range(part, models, MANIFESTS):
            model = f"zoo/family{number % 97:02}/model{number:05}"
            keys.append(f"{model}@onnx")
            lines += [f"  - name: {model}", f"    onnx: https://models.example/{model}.onnx"]
            lines += ["    timeout: 3m", "    tags: [large]"] if number % 10 == 3 else []
        (suites / f"part{part}.yaml").write_text("\n".join([*lines, ""]), encoding="utf-8")
    for name in names:
        seconds = {key: round(20 * random.lognormvariate(0, 1), 1) for key in sorted(keys)}
        file = {"schema": "e2eshard.timings/1", "target": name, "seconds": seconds}
        (suites / "timings" / f"{name}.json").write_text(json.dumps(file, indent=1), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())

"""A shard run by the runner against the same native processes started bare: what the runner adds to each case.

    python benchmarks/runner_overhead.py [--tests REGEX] [--rounds N] [--limit MS]

Every round runs ``--shard presubmit/cpu/0 --jobs 1 --keep all``, then repeats each passing case's own command lines
(they stand in its logs) one after the other: the native iree-compile and iree-run-module, and the iree-import-onnx
console script that the runner's preloaded importer stands in for. A case's turnaround is the time from its start to the
start of the next one, with all that the scheduler does in between. Exits with 1 when the median addition is over
--limit.
"""

from __future__ import annotations

import argparse
import itertools
import pathlib
import re
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

import msgspec

from runner.supply import prepare_sources
from schemas.record import CaseRecord, CaseStarted, JournalLine, Record
from schemas.words import Outcome, Stage
from suites import workspace

NATIVE = (Stage.COMPILATION, Stage.COMPILED_INFERENCE)
IMPORT_SCRIPT = str(pathlib.Path(sys.executable).parent / "iree-import-onnx")
WARM_UP = 3  # cases at the start of a round that are not counted


class Sample(msgspec.Struct, frozen=True):
    """One case in one round, in milliseconds."""

    turnaround: float
    importer: float  # the importer's own work, inside the case's process
    natives: float  # bare iree-compile and iree-run-module
    script: float  # bare iree-import-onnx


def run_shard(out: pathlib.Path, tests: str) -> list[JournalLine]:
    """One shard with one job; its journal."""
    argv = [sys.executable, "-m", "runner", "--shard", "presubmit/cpu/0", "--jobs", "1", "--keep", "all"]
    subprocess.run([*argv, "--tests", tests, "--out", str(out)], check=False, stdout=subprocess.DEVNULL)
    journal = out / "presubmit" / "cpu" / "0" / "records.jsonl"
    return [msgspec.json.decode(line, type=JournalLine) for line in journal.read_bytes().splitlines()]


def turnarounds(lines: Iterable[JournalLine]) -> dict[str, float]:
    """Milliseconds from each case's start to the next one's."""
    starts = [(line.case, datetime.fromisoformat(line.started)) for line in lines if isinstance(line, CaseStarted)]
    pairs = itertools.pairwise(starts)
    return {case: (after - begun).total_seconds() * 1000 for (case, begun), (_, after) in pairs}


def bare(argv: list[str]) -> float:
    """Milliseconds of one process, started and waited for."""
    begun = time.perf_counter()
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return (time.perf_counter() - begun) * 1000


def commands(folder: pathlib.Path, record: Record) -> list[list[str]]:
    """The native command lines of a case, as its logs have them."""
    logs = [folder / each.log for each in record.stages if each.stage in NATIVE and each.log]
    return [shlex.split(line[2:]) for log in logs for line in log.read_text().splitlines() if line.startswith("$ ")]


def models(tests: str) -> dict[str, pathlib.Path]:
    """The .onnx file of every case, by case id; made where the store lacks it."""
    suites = pathlib.Path("suites")
    cases = [case for case in workspace.load(suites).suite("presubmit").cases if case.skip is None]
    chosen = [case for case in cases if re.search(tests, case.id)]
    with tempfile.NamedTemporaryFile() as log:
        sources = (case.source for case in chosen)
        ready = prepare_sources(sources, pathlib.Path(log.name), base=suites, force=False, stopped=lambda: False)
    return {case.id: pathlib.Path(ready[case.source].path) / "model.onnx" for case in chosen}


def one_round(tests: str, files: dict[str, pathlib.Path], samples: dict[str, list[Sample]]) -> None:
    """Run the shard and the bare processes once; adds a sample a case."""
    with tempfile.TemporaryDirectory() as scratch:
        lines = run_shard(pathlib.Path(scratch), tests)
        times = turnarounds(lines)
        folder = pathlib.Path(scratch) / "presubmit" / "cpu" / "0"
        records = [line.record for line in lines if isinstance(line, CaseRecord)]
        passed = [each for each in records if each.outcome is Outcome.PASS and each.case in times]
        for record in passed[WARM_UP:]:
            script = [IMPORT_SCRIPT, str(files[record.case]), "-o", f"{scratch}/bare.mlir"]
            sample = Sample(
                turnaround=times[record.case],
                importer=sum(each.seconds for each in record.stages if each.stage is Stage.IMPORT_MODEL) * 1000,
                natives=sum(bare(argv) for argv in commands(folder, record)),
                script=bare(script),
            )
            samples[record.case].append(sample)


def spread(name: str, values: list[float]) -> str:
    """Median and quartiles, in milliseconds."""
    low, middle, high = statistics.quantiles(values, n=4)
    return f"  {name:<52} {middle:8.1f}   [{low:7.1f} .. {high:7.1f}]"


def best(samples: list[Sample]) -> Sample:
    """A case's smallest figures over the rounds: other programs on the machine only ever add to them."""
    return Sample(*(min(getattr(each, name) for each in samples) for name in Sample.__struct_fields__))


def main() -> int:
    """Measure, print the table, and compare with the limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tests", default="", metavar="REGEX", help="only these cases")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="(default: 3)")
    parser.add_argument("--limit", type=float, default=15.0, metavar="MS", help="(default: 15)")
    options = parser.parse_args()
    files = models(options.tests)
    samples: dict[str, list[Sample]] = defaultdict(list)
    for _ in range(options.rounds):
        one_round(options.tests, files, samples)
    if len(samples) < 2:
        print("fewer than two cases passed: nothing to measure", file=sys.stderr)
        return 1
    cases = [best(each) for each in samples.values()]
    added = [each.turnaround - each.natives for each in cases]
    ratio = statistics.median((each.script + each.natives) / each.turnaround for each in cases)
    print(f"{len(cases)} cases, best of {options.rounds} rounds each; ms a case: median [quartiles] over the cases")
    print(spread("runner, from one case's start to the next", [each.turnaround for each in cases]))
    print(spread("bare iree-compile + iree-run-module", [each.natives for each in cases]))
    print(spread("bare iree-import-onnx (console script)", [each.script for each in cases]))
    print(spread("added beyond the native processes", added))
    print(spread("  of these, the importer's own work", [each.importer for each in cases]))
    print(spread("  the rest: the runner's own", [each.turnaround - each.natives - each.importer for each in cases]))
    print(f"  bare sequence / runner: {ratio:.2f}x")
    median = statistics.median(added)
    within = median <= options.limit
    print(f"{'within' if within else 'OVER'} the limit: {median:.1f} ms of {options.limit:g} ms added a case")
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main())

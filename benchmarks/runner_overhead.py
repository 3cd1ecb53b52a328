"""The runner's cases against the same native processes started bare, in turns: what the runner adds to each case.

    python benchmarks/runner_overhead.py [--suite S] [--tests REGEX] [--rounds N] [--limit MS]

Runs one case through the runner (forked process, events, limits, judgement, journal, clean-up), then at once that
case's own native command lines, which stand in its logs, then the next case: whatever else the machine does hits both
alike. The iree-import-onnx console script, which our preloaded importer stands in for, is measured beside them.
In a shard the runner's share is smaller, since it judges and journals one case while the next one runs. Prints medians
and quartiles; exits with 1 when the median addition is over --limit.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import pathlib
import re
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence

import msgspec

from runner import toolchain
from runner.bundle.layout import ARTEFACTS
from runner.folder import Keep
from runner.options import Options, parse
from runner.order import limits_of
from runner.pool import Zygote
from runner.schedule import Planned, Scheduler, Stop
from runner.select import Batch, select
from runner.shard import ShardRun
from schemas.case import Case
from schemas.record import Record
from schemas.words import Outcome, SourceKind, Stage
from suites import workspace

IMPORT_SCRIPT = str(pathlib.Path(sys.executable).parent / "iree-import-onnx")
NATIVE = (Stage.COMPILATION, Stage.COMPILED_INFERENCE)
FROM_ONNX = (SourceKind.ONNX_NODE, SourceKind.ONNX_DATA)  # a model file lies ready: the plain tools start from it too
_WORK = re.compile(r"/\S*/work/(?:\S+/)?[^/\s]+__onnx/")


class Sample(msgspec.Struct, frozen=True):
    """One case in one round, in milliseconds."""

    runner: float
    importer: float  # the importer's own work, inside the case's process
    natives: float  # bare iree-compile and iree-run-module
    script: float  # bare iree-import-onnx

    @property
    def added(self) -> float:
        """What the runner adds to the native processes, importing included."""
        return self.runner - self.natives


class Meter(ShardRun):
    """A shard's run that stops after every case to start the same processes bare."""

    def __init__(self, batch: Batch, options: Options, rounds: int) -> None:
        super().__init__(batch, options, toolchain.find(None, batch.target), on_ci=True)
        self._rounds = rounds
        self.samples: dict[str, list[Sample]] = defaultdict(list)

    def _run_cases(self, todo: Sequence[Case], jobs: int, deadline: float, stopped: Callable[[], bool]) -> Stop:
        real = [case for case in todo if case.skip is None and case.source.kind in FROM_ONNX]
        with Zygote(self._folder.zygote_log) as zygote:
            ready = self._supply(real, stopped)
            zygote.wait_ready()
            for number in range(self._rounds + 1):
                for case in ready:
                    scheduler = Scheduler(zygote, self, jobs=jobs, deadline=deadline, stopped=stopped)
                    begun = time.perf_counter()
                    scheduler.run([Planned(case=case, limits=limits_of(case, timeout=None, scale=1.0))])
                    milliseconds = (time.perf_counter() - begun) * 1000
                    record = self._records[case.id]
                    if record.outcome is Outcome.PASS and number > 0:  # the first round warms the caches
                        self.samples[case.id].append(self._sample(case, record, milliseconds))
        return Stop.DONE

    def _sample(self, case: Case, record: Record, milliseconds: float) -> Sample:
        model = pathlib.Path(self._sources.of(case).path) / "model.onnx"
        script = [IMPORT_SCRIPT, str(model), "-o", str(self._folder.root / "bare.mlir")]
        return Sample(
            runner=milliseconds,
            importer=sum(each.seconds for each in record.stages if each.stage is Stage.IMPORT_MODEL) * 1000,
            natives=sum(bare(argv) for argv in self._commands(record)),
            script=bare(script),
        )

    def _commands(self, record: Record) -> list[list[str]]:
        """The case's native command lines, with its files named where they lie since it ended: in its bundle."""
        logs = [self._folder.root / each.log for each in record.stages if each.stage in NATIVE and each.log]
        lines = [line[2:] for log in logs for line in log.read_text().splitlines() if line.startswith("$ ")]
        kept = self._folder.root / record.bundle / ARTEFACTS
        return [[_WORK.sub(f"{kept}/", each) for each in shlex.split(line)] for line in lines]


def bare(argv: list[str]) -> float:
    """Milliseconds of one process, started and waited for."""
    begun = time.perf_counter()
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return (time.perf_counter() - begun) * 1000


def line(name: str, values: list[float]) -> str:
    """Median and quartiles."""
    low, middle, high = statistics.quantiles(values, n=4)
    return f"  {name:<46} {middle:8.1f}   [{low:7.1f} .. {high:7.1f}]"


def table(samples: dict[str, list[Sample]], rounds: int) -> float:
    """Print every figure; the median over the cases of what is added, each case's median over its rounds."""
    cases = [sorted(each, key=lambda sample: sample.added)[len(each) // 2] for each in samples.values()]
    ratio = statistics.median((each.script + each.natives) / each.runner for each in cases)
    print(f"{len(cases)} cases, median of {rounds} rounds each; ms a case: median [quartiles] over the cases")
    print(line("runner, one case after the other", [each.runner for each in cases]))
    print(line("bare iree-compile + iree-run-module", [each.natives for each in cases]))
    print(line("bare iree-import-onnx (console script)", [each.script for each in cases]))
    print(line("added beyond the native processes", [each.added for each in cases]))
    print(line("  the importer's own work of that", [each.importer for each in cases]))
    print(line("  the runner's own of that", [each.added - each.importer for each in cases]))
    print(f"  bare sequence / runner: {ratio:.2f}x")
    return statistics.median(each.added for each in cases)


def main() -> int:
    """Measure, print the table, and compare with the limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suite", default="presubmit", metavar="S", help="(default: presubmit)")
    parser.add_argument("--tests", default="", metavar="REGEX", help="only these cases")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="(default: 3)")
    parser.add_argument("--limit", type=float, default=15.0, metavar="MS", help="(default: 15)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as out:
        options = parse(["--shard", f"{given.suite}/cpu/0", "--tests", given.tests, "--out", out, "--keep", Keep.ALL])
        (batch,) = select(workspace.load(options.suites), options)
        meter = Meter(batch, options, given.rounds)
        with contextlib.redirect_stdout(io.StringIO()):  # a line a case
            meter.run(lambda _: 1.0, lambda: False)
    if len(meter.samples) < 2:
        print("fewer than two cases passed: nothing to measure", file=sys.stderr)
        return 1
    added = table(meter.samples, given.rounds)
    within = added <= given.limit
    print(f"{'within' if within else 'OVER'} the limit: {added:.1f} ms of {given.limit:g} ms added a case")
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main())

"""ONNX node cases in seven ways in one run: how much faster each is than the console scripts, with the same verdicts.

    python benchmarks/node_cases.py [--cases N] [--names FILE] [--jobs 2] [--short] [--json FILE]

(i) the pip packages' console scripts, one process a case, as the known suites run; (ii) the native programs likewise;
ours (iii) with ``--engine solo``, (iv) with ``--engine auto`` and nothing known, (v) with the failures of that run
declared, as ``results expectations --write`` does it, (vi) with its modules too, and (vii) the same in the next run,
which knows of all of them. (i) and (ii) begin with imported modules and raw inputs; ours imports, checks, judges,
journals and writes reports. Each of ours is a whole `python -m runner`, start and reports included. Exits with 1 where
two ways of ours differ in a verdict, or where the tools pass a case that ours does not.

The machine's speed may change while all this goes on: (i) is done in four parts, every fourth case each, between which
(iv) to (vii) stand. What each part took is printed.

``--names benchmarks/onnx_ops.txt`` takes those that iree-test-suites has in its onnx_ops, the public suite that is run
in the first way.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
from plain_tools import COMPILE_FLAGS, RUN_FLAGS, argument, tool

from runner import toolchain
from runner.options import parse
from runner.select import select
from runner.sources import onnx_node
from runner.store import Store
from schemas.case import Source
from schemas.words import SourceKind
from suites import workspace

ROOT = pathlib.Path(__file__).resolve().parents[1]
TARGET = f"""targets:
  cpu:
    backend: llvm-cpu
    device: local-task
    runs-on: ubuntu-24.04
    compile-flags: [{", ".join(COMPILE_FLAGS[2:])}]
    memory-limit: 4GiB
    case-timeout: 5m
    stage-timeouts: {{compilation: 3m}}
    shard-timeout: 5h
    job-timeout: 6h
    setup-time: 90s
"""
SUITE = """suite: nodes
description: Node cases
depth: execute
targets: [cpu]
models:
"""
PARTS = 4
_NAMES = {"compilation": "compile", "Numerics": "run", "compiled_inference": "run", "comparison": "run"}
Verdicts = dict[str, str]


class Timing(msgspec.Struct, frozen=True):
    """One way: seconds of wall and processor time for all cases, and the verdicts by case."""

    name: str
    wall: float
    cpu: float
    verdicts: Verdicts


class Prepared(msgspec.Struct, frozen=True):
    """A case as the plain tools need it; ``lacking`` where they have no form for it."""

    module: str
    arguments: tuple[str, ...]
    lacking: str = ""


def measured(name: str, work: Callable[[], Verdicts]) -> Timing:
    """Wall and processor time of ``work`` with all its children."""
    before, begun = _cpu(), time.perf_counter()
    verdicts = work()
    found = Timing(name, time.perf_counter() - begun, _cpu() - before, verdicts)
    print(f"  {name}: {found.wall:.1f} s, {dict(sorted(Counter(verdicts.values()).items()))}", file=sys.stderr)
    return found


def _cpu() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)


def prepared(folder: pathlib.Path, case: pathlib.Path) -> Prepared:
    """Import a case's model and write its values raw, before any clock runs."""
    from runner.frontends import onnx_importer  # noqa: PLC0415 - only the child process that prepares loads it

    folder.mkdir(parents=True)
    by_number = lambda path: int(path.stem.rpartition("_")[2])  # noqa: E731 - a sort key
    try:
        module = onnx_importer.import_file(case / "model.onnx", folder, ()).module
        data = case / "test_data_set_0"
        given = [f"--input={argument(each, folder)}" for each in sorted(data.glob("input_*.pb"), key=by_number)]
        wanted = [
            f"--expected_output={argument(each, folder)}" for each in sorted(data.glob("output_*.pb"), key=by_number)
        ]
    except Exception as error:  # noqa: BLE001 - whatever cannot be imported or read is no case for the plain tools
        return Prepared("", (), f"{type(error).__name__}: {error}")
    return Prepared(str(module), (*given, *wanted))


def by_tools(compiler: str, runner: str, cases: dict[str, Prepared], jobs: int) -> Verdicts:
    """One process of each tool a case, ``jobs`` at a time."""

    def one(case: Prepared) -> str:
        compiled = f"{case.module}.{os.getpid()}.vmfb"
        if code := _exit([compiler, case.module, "-o", compiled, *COMPILE_FLAGS]):
            return "compile crash" if code < 0 or code > 128 else "compile"  # 128 + signal
        code = _exit([runner, f"--module={compiled}", *RUN_FLAGS, *case.arguments])
        pathlib.Path(compiled).unlink()
        return "run" if code else "pass"

    with ThreadPoolExecutor(jobs) as pool:
        return dict(zip(cases, pool.map(one, cases.values()), strict=True))


def _exit(argv: Sequence[str]) -> int:
    quiet = subprocess.DEVNULL
    with contextlib.suppress(subprocess.TimeoutExpired):
        return subprocess.run(argv, stdin=quiet, stdout=quiet, stderr=quiet, check=False, timeout=180).returncode
    return 1


class Parts:
    """The console scripts' way, a part of the cases at a time."""

    def __init__(self, compiler: str, runner: str, cases: dict[str, Prepared], jobs: int) -> None:
        self._run = lambda some: by_tools(compiler, runner, some, jobs)
        self._waiting = [dict(list(cases.items())[at::PARTS]) for at in range(PARTS)]
        self._cases = tuple(cases)
        self._done: list[Timing] = []

    def next(self) -> None:
        """Run one part."""
        some = self._waiting.pop(0)
        self._done.append(measured(f"console scripts, {len(some)} cases", lambda: self._run(some)))

    def all(self) -> Timing:
        """What all parts took together."""
        found = {case: verdict for each in self._done for case, verdict in each.verdicts.items()}
        wall, cpu = sum(each.wall for each in self._done), sum(each.cpu for each in self._done)
        return Timing("console scripts", wall, cpu, {case: found[case] for case in self._cases})


class Ours:
    """The runner over a suite of its own, in a store of its own."""

    def __init__(self, root: pathlib.Path, names: Sequence[str], jobs: int) -> None:
        self._root = root
        self._jobs = jobs
        self.store = root / "store"
        (root / "suites").mkdir()
        (root / "suites" / "targets.yaml").write_text(TARGET)
        self.choose(names)
        self._environment = os.environ | {"PYTHONPATH": str(ROOT), "E2ESHARD_STORE": str(self.store)}
        self._environment.pop("E2ESHARD_STORE_LIMIT", None)

    def choose(self, names: Sequence[str]) -> None:
        """Have only these cases in the suite."""
        models = "".join(f"  - name: onnx/node/{name}\n" for name in names)
        (self._root / "suites" / "nodes.yaml").write_text(SUITE + models)

    def forget(self, *folders: str) -> None:
        """Remove parts of the store."""
        for each in folders:
            shutil.rmtree(self.store / each, ignore_errors=True)

    def forget_modules(self) -> None:
        """Remove all compiled modules, and keep which cases are run alone."""
        self.forget("modules")
        for each in (self.store / "joined").iterdir():
            if each.name != "alone":
                shutil.rmtree(each)

    def declare(self) -> None:
        """Expect the failures of the last run."""
        argv = [sys.executable, "-m", "results", "expectations", str(self._root / "out"), "--write"]
        argv += ["--suites", str(self._root / "suites")]
        (self._root / "suites" / "expectations").mkdir(exist_ok=True)
        done = subprocess.run(argv, cwd=ROOT, env=self._environment, capture_output=True, text=True, check=False)
        print(f"  expectations: {(done.stdout + done.stderr).strip().splitlines()[-1:]}", file=sys.stderr)

    def run(self, engine: str) -> Verdicts:
        """One run; the verdicts in the words of the plain tools."""
        out = self._root / "out"
        shutil.rmtree(out, ignore_errors=True)
        argv = [sys.executable, "-m", "runner", "onnx/node/*", "--target", "cpu", "--suite", "nodes"]
        argv += ["--suites", str(self._root / "suites"), "--out", str(out), "--jobs", str(self._jobs)]
        argv += ["--keep", "none", "--no-rerun", "--engine", engine]
        done = subprocess.run(argv, cwd=ROOT, env=self._environment, capture_output=True, text=True, check=False)
        if done.returncode not in (0, 1):
            raise SystemExit(f"the runner ended with {done.returncode}:\n{done.stderr}")
        for line in done.stdout.splitlines():
            if "judged again" in line:
                print(f"  {line.strip()}", file=sys.stderr)
        return {each["model"].rpartition("/")[2]: _verdict(each) for each in self.records()}

    def records(self) -> list[dict[str, Any]]:
        """What the last run has written of its cases."""
        results = json.loads(next((self._root / "out").rglob("results.json")).read_bytes())
        return list(results["records"])


def _verdict(record: dict[str, Any]) -> str:
    outcome = record["outcome"]
    if outcome in ("PASS", "SKIP"):
        return str(outcome).lower()
    if outcome == "XFAIL":
        outcome = record["expectation"].get("outcome", "FAIL")
    stage = _NAMES.get(record["exit_status"], record["exit_status"])
    return stage if outcome == "FAIL" else f"{stage} {outcome.lower()}"


def listed(file: pathlib.Path, known: Collection[str]) -> frozenset[str]:
    """The names in a file of one a line; what follows a ``#`` is a comment. Ends the program where one is not known."""
    lines = (line.partition("#")[0].strip() for line in file.read_text().splitlines())
    places = {name: number for number, name in enumerate(lines, 1) if name}
    mend = "take it out, or name one of onnx/node/"
    wrong = [f"{file}:{line}: no node case {name}; {mend}" for name, line in places.items() if name not in known]
    if wrong or not places:
        raise SystemExit("\n".join(wrong) or f"{file}: it lists no node case; write one a line, like test_abs")
    return frozenset(places)


def node_cases(store: pathlib.Path, count: int, file: pathlib.Path | None = None) -> dict[str, pathlib.Path]:
    """Evenly spread, by name, over the node cases that the catalogue does not skip, or those that a file lists."""
    options = parse(["--shard", "nightly-execute/cpu", "--tests", "onnx/node/", "--suites", str(ROOT / "suites")])
    options = msgspec.structs.replace(options, root=ROOT)
    found = select(workspace.load(options.suites), options)
    skips = {case.source.locator: case.skip for batch in found for case in batch.cases}
    wanted = listed(file, skips) if file else skips.keys()
    names = sorted(each for each in wanted if skips[each] is None)
    print(f"{len(wanted) - len(names)} of {len(wanted)} node cases are skipped", file=sys.stderr)
    step = max(1.0, len(names) / count) if count else 1.0
    chosen = [names[int(number * step)] for number in range(int(len(names) / step))]
    return {name: onnx_node.provide(Source(SourceKind.ONNX_NODE, name), Store(store), False) for name in chosen}


def table(timings: Sequence[Timing], count: int) -> None:
    """Each way against the first one."""
    print(f"{count} cases\n{'':34} {'wall s':>8} {'ms/case':>8} {'cpu s':>8} {'faster':>8} {'less cpu':>9}")
    first = timings[0]
    for each in timings:
        ratios = f"{first.wall / each.wall:7.1f}x {first.cpu / each.cpu:8.1f}x"
        print(f"{each.name:34} {each.wall:8.1f} {each.wall / count * 1e3:8.1f} {each.cpu:8.1f} {ratios}")


def differences(timings: Sequence[Timing]) -> int:
    """Print every case whose verdict is not the same in all ways; 1 where that is a fault of ours."""
    plain, ours = timings[0], [each for each in timings if each.name.startswith("ours")]
    unequal = [name for name in plain.verdicts if len({each.verdicts.get(name) for each in ours}) > 1]
    kind = re.compile(r" (?:crash|oom|timeout)$")  # a crash told apart from an error is none
    other = [
        name
        for name, verdict in plain.verdicts.items()
        if kind.sub("", verdict) != kind.sub("", ours[0].verdicts.get(name, ""))
    ]
    print(
        f"\nverdicts that differ between our ways: {len(unequal)}; between the console scripts and ours: {len(other)}"
    )
    for name in dict.fromkeys((*unequal, *other)):
        print(f"  {name}: " + ", ".join(f"{each.name}: {each.verdicts.get(name)}" for each in timings))
    lost = [name for name in other if plain.verdicts[name] == "pass"]
    return 1 if unequal or lost else 0


def main() -> int:
    """Prepare, run all ways, print the table and the differences."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=0, metavar="N", help="spread over all (default: all)")
    parser.add_argument("--names", type=pathlib.Path, metavar="FILE", help="only those it lists, one a line")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="(default: 2)")
    parser.add_argument("--short", action="store_true", help="without (ii) and (iii), which take as long as all others")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write figures and verdicts here as well")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name)
        chosen = node_cases(root / "store", given.cases, given.names)
        ready = {case: prepared(root / "plain" / case, path) for case, path in chosen.items()}
        ready = {case: each for case, each in ready.items() if not each.lacking}
        print(f"{len(ready)} of {len(chosen)} cases can be given to the plain tools", file=sys.stderr)
        tools = toolchain.find(None, workspace.load(ROOT / "suites").target("cpu"))
        ours = Ours(root, list(ready), given.jobs)
        scripts, natives = (tool("iree-compile"), tool("iree-run-module")), (tools.iree_compile, tools.iree_run_module)
        plain, timings = Parts(*scripts, ready, given.jobs), []
        if not given.short:
            timings.append(measured("native programs", lambda: by_tools(*natives, ready, given.jobs)))
            timings.append(measured("ours, solo", lambda: ours.run("solo")))
            ours.forget("modules", "joined")
        plain.next()
        timings.append(measured("ours, auto, nothing known", lambda: ours.run("auto")))
        plain.next()
        ours.declare()
        ours.forget_modules()
        timings.append(measured("ours, auto, outcomes known", lambda: ours.run("auto")))
        plain.next()
        timings.append(measured("ours, auto, modules known", lambda: ours.run("auto")))
        timings.append(measured("ours, auto, the run after that", lambda: ours.run("auto")))
        plain.next()
    timings.insert(0, plain.all())
    table(timings, len(ready))
    if given.json:
        given.json.write_bytes(msgspec.json.format(msgspec.json.encode({"cases": len(ready), "ways": timings})))
    return differences(timings)


if __name__ == "__main__":
    sys.exit(main())

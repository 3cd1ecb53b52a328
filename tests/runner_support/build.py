"""Cases, targets and a scheduler's run over faulty workers, for the tests of the process side."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from types import MappingProxyType

import msgspec
import pytest

from runner.pool import WORKER_VARIABLE, Zygote
from runner.protocol import Ending, Event, Job, Toolchain
from runner.running import Limits, RunningCase
from runner.schedule import Planned, Scheduler, Stop
from schemas.case import Case, Source, case_id, case_key
from schemas.codec import encode_pretty
from schemas.matrix import Matrix, MatrixSource, ShardPlan, TargetPlan, cases_digest
from schemas.record import CaseRecord, CaseRerun, JournalLine, Record
from schemas.target import EnvVar, Target
from schemas.words import Depth, Path, SourceKind, Stage
from suites import workspace

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORKER = "tests.runner_support.faults:run"
TOOLS = Toolchain(iree_compile="", iree_opt="", iree_run_module="", library="", origin="package")
TARGET = Target(name="cpu", backend="llvm-cpu", device="local-task", runs_on=("ubuntu-24.04",), hosted=True)
_NO_STAGES: MappingProxyType[Stage, float] = MappingProxyType({})


def case(fault: str, marker: str = "", memory: int = 1 << 30) -> Case:
    model = f"fake/{fault}"
    return Case(
        id=case_id("fakes", "cpu", case_key(model, Path.ONNX)),
        suite="fakes",
        target="cpu",
        model=model,
        path=Path.ONNX,
        depth=Depth.EXECUTE,
        source=Source(SourceKind.ONNX_NODE, fault),
        memory_limit=memory,
        environment=(EnvVar("E2ESHARD_TEST_MARKER", marker),),
    )


class Recorder:
    """Observer that keeps every ending."""

    def __init__(self, folder: pathlib.Path) -> None:
        self._folder = folder
        self.endings: dict[str, tuple[Ending, tuple[Event, ...]]] = {}
        self.started: list[str] = []
        self.most_at_once = 0

    def starting(self, planned: Planned) -> tuple[Job, str]:
        folder, logs = self._folder / "work" / planned.case.key, self._folder / "logs" / planned.case.key
        for each in (folder, logs):
            each.mkdir(parents=True, exist_ok=True)
        self.started.append(planned.case.id)
        job = Job(
            case=planned.case, target=TARGET, toolchain=TOOLS, source="", folder=str(folder), logs=str(logs), stages=()
        )
        return job, datetime.now(UTC).isoformat()

    def ended(self, case: RunningCase, ending: Ending) -> None:
        name = case.job.case.model.rsplit("/", 1)[-1]
        assert name not in self.endings, "a case ended twice"
        self.endings[name] = (ending, tuple(case.events))

    def tick(self, running: Sequence[RunningCase]) -> None:
        self.most_at_once = max(self.most_at_once, len(running))


def run_faults(
    folder: pathlib.Path,
    faults: Sequence[str],
    *,
    jobs: int = 2,
    limits: Limits | None = None,
    marker: str = "",
    seconds: float = 120,
) -> tuple[Recorder, Stop]:
    limits = limits or Limits(case=60, stages=dict(_NO_STAGES), memory=1 << 30)
    recorder = Recorder(folder)
    with pytest.MonkeyPatch.context() as patch:  # a leaked variable would give every later test the fake worker
        patch.setenv(WORKER_VARIABLE, WORKER)
        with Zygote(folder / "zygote.log") as zygote:
            zygote.wait_ready()
            scheduler = Scheduler(
                zygote, recorder, jobs=jobs, deadline=time.monotonic() + seconds, stopped=lambda: False
            )
            stop = scheduler.run([Planned(case=case(each, marker, limits.memory), limits=limits) for each in faults])
    return recorder, stop


def marked(marker: str) -> list[str]:
    """Command lines of the living processes whose environment bears ``marker``."""
    needle = f"E2ESHARD_TEST_MARKER={marker}".encode()
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if needle in (entry / "environ").read_bytes():
                found.append(f"{entry.name}: {(entry / 'cmdline').read_bytes()!r}")
        except OSError:
            continue
    return found


TARGETS_YAML = """\
targets:
  cpu:
    backend: {backend}
    device: {device}
    exclusive-device: {exclusive}
    runs-on: ubuntu-24.04
    jobs: 2
    memory-limit: {memory}
    case-timeout: {timeout}
    shard-timeout: {shard_timeout}
    job-timeout: 10m
    setup-time: 1s
"""

SUITE_YAML = """\
suite: fakes
description: Models whose names say how they go wrong
depth: execute
targets: [cpu]
defaults:
  stage-timeouts: {{{stage_timeouts}}}
  timeout: {timeout}
models:
"""


class FakeSuite:
    """A folder with a suite of faulty models, its matrix, and the runner's command line over it."""

    def __init__(
        self,
        root: pathlib.Path,
        shards: Sequence[Sequence[str]],
        *,
        stage: str = "20s",
        shard_timeout: str = "5m",
        more: str = "",
        timeout: str = "30s",
        planned: Sequence[str] = (),
        stages: Sequence[Stage] = (Stage.COMPILATION,),
        memory: str = "300MiB",
        device: tuple[str, str] = ("llvm-cpu", "local-task"),
        exclusive: bool = False,
        worker: str = WORKER,
    ) -> None:
        self.worker = worker
        self.root = root
        self.suites = root / "suites"
        (self.suites / "models").mkdir(parents=True)
        self.shards = [*shards[:-1], [*shards[-1], *planned]]
        names = sorted(name for shard in shards for name in shard)
        text = SUITE_YAML.format(stage_timeouts=", ".join(f"{each}: {stage}" for each in stages), timeout=timeout)
        for name in [*names, *planned]:
            (self.suites / "models" / f"{name}.onnx").write_bytes(b"not looked into by a faulty worker")
        text += "".join(f"  - onnx: ./models/{name}.onnx\n" for name in names)
        (self.suites / "fakes.yaml").write_text(text + more)
        settings = {"shard_timeout": shard_timeout, "timeout": timeout, "memory": memory}
        backend, driver = device
        (self.suites / "targets.yaml").write_text(
            TARGETS_YAML.format(**settings, backend=backend, device=driver, exclusive=str(exclusive).lower())
        )
        self.write_matrix()

    def write_matrix(self) -> None:
        cases = workspace.load(self.suites).suite("fakes").cases_for("cpu")
        plans = tuple(
            ShardPlan(shard=number, minutes=1.0, cases=tuple(sorted(f"onnx/{name}@onnx" for name in names)))
            for number, names in enumerate(self.shards)
        )
        plan = TargetPlan(
            target="cpu", digest=cases_digest(cases), runs_on=("ubuntu-24.04",), timeout_minutes=10, shards=plans
        )
        matrix = Matrix(
            suite="fakes", depth="execute", source=MatrixSource(file="fakes.yaml", sha256=""), targets=(plan,)
        )
        path = self.root / ".github" / "matrices" / "fakes.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_pretty(matrix))

    def argv(self, *options: str) -> list[str]:
        places = ["--suites", str(self.suites), "--root", str(self.root), "--out", str(self.root / "out")]
        return [sys.executable, "-m", "runner", *options, *places]

    def environment(self, **extra: str) -> dict[str, str]:
        keep = {name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "CI"))}
        return {
            **keep,
            WORKER_VARIABLE: self.worker,
            "PYTHONPATH": str(ROOT),
            "E2ESHARD_STORE": str(self.root / "store"),
            **extra,
        }

    def start(self, *options: str, **extra: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.argv(*options),
            cwd=ROOT,
            env=self.environment(**extra),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *options: str, **extra: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.argv(*options), cwd=ROOT, env=self.environment(**extra), capture_output=True, text=True, check=False
        )

    def folder(self, shard: int | str = 0) -> pathlib.Path:
        return self.root / "out" / "fakes" / "cpu" / str(shard)

    def lines(self, shard: int | str = 0) -> list[JournalLine]:
        data = (self.folder(shard) / "records.jsonl").read_bytes()
        return [msgspec.json.decode(line, type=JournalLine) for line in data.splitlines()]

    def records(self, shard: int | str = 0) -> dict[str, Record]:
        """The journal's records by model name without ``onnx/``; each may be there once only, and once again."""
        found = [line.record for line in self.lines(shard) if isinstance(line, CaseRecord)]
        assert len({each.case for each in found}) == len(found)
        again = [line.record for line in self.lines(shard) if isinstance(line, CaseRerun)]
        assert len({each.case for each in again}) == len(again)
        return {each.model.removeprefix("onnx/"): each for each in (*found, *again)}

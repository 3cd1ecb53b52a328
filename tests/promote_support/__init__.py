"""A suites folder with the four lists and eight small models, and reports of runs over it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from results.promote.standing import LISTS
from results.view import View
from results.writers import json_file
from schemas.case import Expectation, Setting, case_id
from schemas.opwords import OpBackend, OpTotals
from schemas.record import ErrorInfo, OutputComparison, Record, StageResult
from schemas.report import ReportHead, ShardEntry
from schemas.words import Depth, Lowering, Mode, Outcome, SkipReason, Stage, StageStatus
from schemas.words import Path as ModelPath
from suites import workspace
from tests.results_support.build import journal, provenance

FAMILY = "abcdefgh"
MODELS = tuple(f"onnx/net/{name}" for name in FAMILY)
SIGNATURE = "failed to legalize operation 'torch.aten.roll'"

TARGETS = """\
targets:
  cpu:
    backend: llvm-cpu
    device: local-task
    runs-on: ubuntu-24.04
  vmvx:
    backend: vmvx
    device: local-sync
    runs-on: ubuntu-24.04
"""
NIGHTLY = """\
# Every night.
suite: nightly-execute
description: Full models, end to end
schedule: "17 2 * * *"   # in the night
depth: execute
targets: [cpu, vmvx]
twin-in: weekly-op-by-op
twin-in-bring-up: nightly-op-by-op
models:
  # single operators
  - name: onnx/node/test_abs*   # the catalogue's
  # networks
  - name: onnx/net/*
    # those in bring-up
    exclude: [onnx/net/g, onnx/net/h]
    only: [cpu]
  # the one that is run everywhere
  - name: onnx/net/a
    only: [vmvx]
    timeout: 2m  # slow there
"""
WEEKLY = """\
suite: weekly-op-by-op
description: What passes, operation by operation
depth: execute-op-by-op
targets: [cpu, vmvx]
disjoint-per-target-with: [nightly-op-by-op]
models:
  - name: onnx/net/a
  - name: onnx/net/*
    exclude: [onnx/net/a, onnx/net/g, onnx/net/h]
    only: [cpu]
    memory-limit: 3GiB
"""
NIGHTLY_OPS = """\
suite: nightly-op-by-op
description: Models in bring-up
depth: execute-op-by-op
targets: [cpu]
disjoint-per-target-with: [weekly-op-by-op]
models:
  # needs a scan
  - name: onnx/net/g
    timeout: 3m   # long
  # needs a loop
  - {name: onnx/net/h, timeout: 4m}
"""
COMPILE = """\
suite: e2e-compile
description: All operations compile
depth: compile
targets: [vmvx]
disjoint-per-target-with: [nightly-execute]
models:
  - tag: matmul   # a cross-section
"""
#: The same lists, written otherwise.
OTHER: Mapping[str, str] = {
    "nightly_execute": """\
suite: nightly-execute
description: Full models, end to end
depth: execute
targets:
- cpu
- vmvx
twin-in: weekly-op-by-op
twin-in-bring-up: nightly-op-by-op
groups:
  big: {timeout: 4m}
models:
- tag: abs
- name: onnx/net/[a-f]
  only:
  - cpu   # here
  targets: {cpu: {seed: 3}}
- {name: onnx/net/a, group: big, targets: {vmvx: {timeout: 3m}}}   # and there
- name: onnx/net/b
  checks: {atol: false, issue: "https://git.example/1"}
""",
    "weekly_op_by_op": """\
suite: weekly-op-by-op
description: What passes, operation by operation
depth: execute-op-by-op
targets: [cpu, vmvx]
only: [cpu]
groups: {big: {timeout: 4m}}
models: [{name: onnx/net/a, only: [cpu, vmvx], group: big}, {name: onnx/net/b, only: [vmvx, cpu]},
  {name: "onnx/net/[c-f]"}]
""",
    "nightly_op_by_op": """\
suite: nightly-op-by-op
description: Models in bring-up
depth: execute-op-by-op
targets: [cpu]
disjoint-per-target-with: [weekly-op-by-op]
models:

  - name: onnx/net/g

  - only: [cpu]
    name: onnx/net/h
    memory-limit: 2GiB
""",
    "e2e_compile": """\
suite: e2e-compile
description: All operations compile
depth: compile
targets: [vmvx]
disjoint-per-target-with: [nightly-execute]
models: []
""",
}
_MODEL = '''\
"""A network."""

from typing import Any

from suites import OnnxModelTester
from suites.models.graphs import Graph


class Net(OnnxModelTester):
    def load_model(self) -> Any:
        graph = Graph(self.rng)
        x = graph.input("x", [2, 3])
        return graph.model({graph.add("Relu", x): [2, 3]})
'''


def make(root: Path, models: Iterable[str] = FAMILY, **manifests: str) -> Path:
    """Writes the folder; a manifest given by its name with _ for - takes the place of the usual one."""
    (root / "models/onnx/net").mkdir(parents=True)
    for name in models:
        (root / f"models/onnx/net/{name}.py").write_text(_MODEL)
    texts = dict(zip(LISTS, (NIGHTLY, WEEKLY, NIGHTLY_OPS, COMPILE), strict=True))
    texts |= {name.replace("_", "-"): text for name, text in manifests.items()}
    for name, text in {**texts, "targets": TARGETS}.items():
        (root / f"{name}.yaml").write_text(text)
    return root


def record(
    model: str,
    outcome: Outcome = Outcome.PASS,
    *,
    suite: str = "nightly-execute",
    target: str = "cpu",
    stage: Stage = Stage.COMPILATION,
    signature: str = SIGNATURE,
    reason: str = "PCC 0.5, required 0.99",
    path: ModelPath = ModelPath.ONNX,
    settings: tuple[Setting, ...] = (),
    flaky: bool = False,
    depth: Depth = Depth.EXECUTE,
) -> Record:
    """A case that was run end to end."""
    ran = outcome not in (Outcome.SKIP, Outcome.MISSING)
    good = outcome in (Outcome.PASS, Outcome.XPASS)
    made = Record(
        case=case_id(suite, target, f"{model}@{path}"),
        suite=suite,
        target=target,
        model=model,
        path=path,
        lowering=Lowering.TORCH,
        mode=Mode.EVAL,
        depth=depth,
        outcome=outcome,
        exit_status="PASS" if good else "not-run",
        reached_depth=depth if good else None,
        shard=0,
        expectation=Expectation(stage=stage, signature=signature)
        if outcome in (Outcome.XFAIL, Outcome.XPASS)
        else None,
        skip_reason=SkipReason.MANIFEST if outcome is Outcome.SKIP else None,
        settings=settings,
        flaky=flaky,
        started="2026-11-20T02:17:00Z",
        seconds=0.5,
        reproduce=f"python -m runner {suite}/{target}/{model}@{path}",
    )
    if good or not ran:
        return made
    late = tuple(Stage).index(stage) > tuple(Stage).index(Stage.COMPILATION)
    numerics = stage is Stage.COMPARISON and outcome in (Outcome.FAIL, Outcome.XFAIL)
    output = OutputComparison(
        output="y",
        dtype="float32",
        shape=(2, 3),
        passed=False,
        pcc=0.5,
        max_abs=1.0,
        mismatched=3,
        total=6,
        reason=reason,
    )
    return msgspec.structs.replace(
        made,
        exit_status="Numerics" if numerics else stage.value,
        reached_depth=Depth.COMPILE if late else Depth.IMPORT,
        stages=(StageResult(stage=stage, status=StageStatus.FAIL),),
        comparisons=(output,) if numerics else (),
        error=ErrorInfo(signature=signature, excerpt=f"error: {signature}"),
    )


def ops(
    model: str,
    by_status: Mapping[int, int],
    *,
    suite: str = "nightly-op-by-op",
    target: str = "cpu",
    depth: Depth = Depth.EXECUTE_OP_BY_OP,
    outcome: Outcome = Outcome.PASS,
) -> Record:
    """A case whose operations were walked; how many uses stopped on which rung."""
    counts = tuple(by_status.get(rung, 0) for rung in range(8))
    totals = OpTotals(
        backend=OpBackend.ONNX, uses=sum(counts), unique=1, skipped=0, by_status=counts, verified=0, compared=0
    )
    return msgspec.structs.replace(record(model, outcome, suite=suite, target=target, depth=depth), ops=totals)


def report(folder: Path, *records: Record) -> Path:
    """Writes one run as a merged report, by its writer."""
    shards = tuple(
        ShardEntry(
            suite=suite, target=target, shard=0, attempt=1, file=f"{suite}-{target}-0-1", matrix_digest="", planned=1,
            recorded=1, taken=1, complete=True, provenance=provenance(),
        )
        for suite, target in _places(records)
    )  # fmt: skip
    folder.mkdir(parents=True)
    json_file.write(View(ReportHead(shards=shards), records), folder / "results.json")
    return folder


def journals(folder: Path, *records: Record) -> Path:
    """Writes one run as its shards left it: a folder with a journal a suite and target."""
    for suite, target in _places(records):
        mine = [each for each in records if (each.suite, each.target) == (suite, target)]
        journal(folder / f"{suite}.{target}", mine, suite=suite, target=target)
    return folder


def _places(records: Iterable[Record]) -> list[tuple[str, str]]:
    return sorted({(each.suite, each.target) for each in records})


def members(root: Path) -> dict[tuple[str, str], frozenset[str]]:
    """By model and target of the networks, the lists that have it."""
    found: dict[tuple[str, str], set[str]] = {}
    for suite in workspace.load(root, unlisted=True).suites:
        for case in suite.cases:
            if case.model in MODELS:
                found.setdefault((case.model, case.target), set()).add(suite.name)
    return {place: frozenset(names) for place, names in found.items()}

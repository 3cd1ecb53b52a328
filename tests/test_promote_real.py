"""Three real runs, the last with a model that the compiler does not take any more, produce each of the four moves."""

from __future__ import annotations

from pathlib import Path

import pytest

from generator.cli import main as generate
from results.cli import main
from results.merge import merge
from runner.cli import main as run
from schemas.errors import Exit
from schemas.report import ReportHead
from suites import workspace
from tests.promote_support import COMPILE, TARGETS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

_MODEL = """\
from typing import Any

import numpy as np

from suites import OnnxModelTester
from suites.models.graphs import Graph


class Net(OnnxModelTester):
    {literals}

    def load_model(self) -> Any:
        graph = Graph(self.rng)
        x = graph.input("x", [1, 1, 4, 4])
        {body}
        return graph.model({{y: [1, 1, 4, 4]}})
"""
_RELU = 'y = graph.add("Relu", x)'
#: Cubic sampling has no lowering.
_UNKNOWN = 'y = graph.add("GridSample", x, np.zeros((1, 4, 4, 2), np.float32), mode="cubic")'
#: Nothing may differ, and something does.
_INEXACT = 'y = graph.add("Tanh", graph.add("Exp", graph.add("Sin", x)))'
_EXACT = "required_atol = 0.0\n    required_rtol = 0.0"
_NIGHTLY = """\
suite: nightly-execute
description: Full models
depth: execute
targets: [cpu]
twin-in: weekly-op-by-op
twin-in-bring-up: nightly-op-by-op
models:
  # every network
  - name: onnx/net/*
    exclude: [onnx/net/partly]   # does not run
"""
_WEEKLY = """\
suite: weekly-op-by-op
description: What passes
depth: execute-op-by-op
targets: [cpu]
disjoint-per-target-with: [nightly-op-by-op]
models:
  - name: onnx/net/regresses
    timeout: 4m   # of its own
"""
_BRING_UP = """\
suite: nightly-op-by-op
description: Bring-up
depth: execute-op-by-op
targets: [cpu]
models:
  # The runtime is asked for what it does not know.
  - name: onnx/net/partly
    run-flags: [--no_such_flag]
  # to be promoted
  - name: onnx/net/passes
  - name: onnx/net/inexact
"""
_EXPECTED = """\
suite: nightly-execute
target: cpu
failures:
  - signature: of old
    stage: compilation
    cases: [onnx/net/passes@onnx, onnx/net/inexact@onnx]
"""


def _write(root: Path, name: str, body: str, literals: str = "") -> None:
    file = root / f"suites/models/onnx/net/{name}.py"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(_MODEL.format(body=body, literals=literals or "tags = ()"))


def _make(root: Path) -> None:
    for name in ("passes", "regresses", "partly"):
        _write(root, name, _RELU)
    _write(root, "inexact", _INEXACT, _EXACT)
    (root / "suites/expectations").mkdir()
    texts = {
        "targets": TARGETS,
        "nightly-execute": _NIGHTLY,
        "weekly-op-by-op": _WEEKLY,
        "nightly-op-by-op": _BRING_UP,
        "e2e-compile": COMPILE,
        "expectations/nightly-execute.cpu": _EXPECTED.replace(
            "[onnx/net/passes@onnx, onnx/net/inexact@onnx]",
            "\n      - onnx/net/passes@onnx   # soon\n      - onnx/net/inexact@onnx",
        ),
    }
    for name, text in texts.items():
        (root / f"suites/{name}.yaml").write_text(text)


def _night(root: Path, number: int, suites: tuple[str, ...] = ("nightly-execute", "nightly-op-by-op")) -> ReportHead:
    """One run of lists that run every night; merged into report-<number>."""
    assert generate(["--root", str(root)]) == Exit.OK
    out = root / f"out-{number}"
    for suite in suites:
        shard = ["--shard", f"{suite}/cpu", "--root", str(root), "--suites", str(root / "suites"), "--out", str(out)]
        run([*shard, "--jobs", "1"])
    matrices = [root / f".github/matrices/{suite}.json" for suite in suites]
    head = merge([out], matrices, None, root / f"report-{number}")
    assert not [problem for problem in head.problems if problem.red]
    return head


def test_each_of_the_four_moves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("E2ESHARD_STORE", str(tmp_path / "store"))
    _make(tmp_path)
    _night(tmp_path, 0)
    _night(tmp_path, 1)
    _write(tmp_path, "regresses", _UNKNOWN)
    assert _night(tmp_path, 2).red
    nights = [tmp_path / f"report-{number}" for number in range(3)]
    arguments = ["promote", *map(str, nights), "--suites", str(tmp_path / "suites"), "--out", str(tmp_path / "out")]
    capfd.readouterr()
    assert main([*arguments, "--write"]) == Exit.OK
    lists: dict[str, set[str]] = {}
    loaded = workspace.load(tmp_path / "suites")
    for suite in loaded.suites:
        for case in suite.cases_for("cpu"):
            if case.model.startswith("onnx/net/"):
                lists.setdefault(case.model.removeprefix("onnx/net/"), set()).add(suite.name)
    assert lists == {
        "passes": {"nightly-execute", "weekly-op-by-op"},
        "inexact": {"nightly-execute", "weekly-op-by-op"},
        "regresses": {"nightly-execute", "nightly-op-by-op"},
        "partly": {"nightly-op-by-op", "e2e-compile"},
    }
    nightly = {case.model: case for case in loaded.suite("nightly-execute").cases}
    assert not nightly["onnx/net/inexact"].checks.atol
    assert nightly["onnx/net/regresses"].expectation is not None
    assert nightly["onnx/net/passes"].expectation is None
    assert sorted(file.name for file in (tmp_path / "out/issues").iterdir()) == [
        "models_pcc_issue.onnx-net-inexact.cpu.md",
        "models_regression.onnx-net-regresses.cpu.md",
    ]
    assert generate(["--root", str(tmp_path)]) == Exit.OK
    assert generate(["--root", str(tmp_path), "--check"]) == Exit.OK
    capfd.readouterr()
    assert main(arguments) == Exit.OK
    assert capfd.readouterr().err.rstrip().endswith("nothing to change")
    assert not _night(tmp_path, 3, ("nightly-execute",)).red, "the lists say now what the compiler does"

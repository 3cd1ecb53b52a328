"""A small suites folder with real ONNX cases, and what an expectation says of a record."""

from __future__ import annotations

from pathlib import Path

from schemas.case import Expectation
from schemas.words import Outcome, Stage

MODELS = ("abs", "acos", "add", "and2d", "ceil", "cos", "erf", "exp", "floor", "log", "neg", "relu")
KEYS = tuple(f"onnx/node/test_{name}@onnx" for name in MODELS)

_TARGETS = """\
targets:
  cpu:
    backend: llvm-cpu
    device: local-task
    runs-on: ubuntu-24.04
"""
_MANIFEST = """\
suite: s
description: A dozen cases
depth: execute
targets: [cpu]
models:
"""


def make_suites(folder: Path) -> Path:
    """Writes targets.yaml and s.yaml; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "targets.yaml").write_text(_TARGETS)
    lines = "".join(f"  - name: onnx/node/test_{name}\n" for name in MODELS)
    (folder / "s.yaml").write_text(_MANIFEST + lines)
    return folder


def judge(kind: Outcome, stage: Stage | None, signature: str, expected: Expectation | None) -> Outcome:
    """The outcome law in one line: stage, kind of end and signature must all be as declared."""
    if kind is Outcome.PASS:
        return Outcome.PASS if expected is None else Outcome.XPASS
    met = expected is not None and (expected.stage, expected.outcome, expected.signature) == (stage, kind, signature)
    return Outcome.XFAIL if met else kind

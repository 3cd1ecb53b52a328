"""Suites folders for tests: made of texts, with marks where findings are expected."""

from __future__ import annotations

from pathlib import Path

from schemas.errors import Finding, ManifestError
from suites import workspace

MARK = "§"

TARGETS = """\
targets:
  cpu:
    backend: llvm-cpu
    device: local-task
    runs-on: ubuntu-24.04
    compile-flags: [--iree-llvmcpu-target-cpu=host]
    case-timeout: 10m
    shard-timeout: 50m
    job-timeout: 1h
  lab:
    backend: vmvx
    device: local-task
    runs-on: [self-hosted, linux]
"""


def manifest(body: str, suite: str = "mine") -> str:
    """A manifest of one suite on cpu with `body` behind its header."""
    head = f"suite: {suite}\ndescription: A test\ndepth: execute\n"
    return head + ("" if body.startswith("targets:") or "\ntargets:" in body else "targets: [cpu]\n") + body


def folder(root: Path, **files: str) -> Path:
    """A suites folder: `mine="…"` is mine.yaml, `expectations__mine_cpu="…"` is expectations/mine.cpu.yaml."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "targets.yaml").write_text(files.pop("targets", TARGETS), "utf-8")
    for name, text in files.items():
        inside, _, last = name.rpartition("__")
        path = root / inside / (f"{last.replace('_', '.')}.yaml" if inside else f"{last}.yaml")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    return root


def findings(root: Path) -> tuple[Finding, ...]:
    """What `load` finds wrong with a folder; empty when nothing is."""
    try:
        workspace.load(root)
    except ManifestError as error:
        return error.findings
    return ()


def unmark(text: str) -> tuple[str, list[tuple[int, int]]]:
    """The text without marks, and line and column (from 1) of each mark."""
    places: list[tuple[int, int]] = []
    lines = []
    for number, line in enumerate(text.split("\n"), 1):
        rest = line
        while (column := rest.find(MARK)) >= 0:
            places.append((number, column + 1))
            rest = rest[:column] + rest[column + 1 :]
        lines.append(rest)
    return "\n".join(lines), places

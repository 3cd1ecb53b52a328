"""Both engines leave the same records of 200 cases, apart from what a run together with others cannot have."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys

import msgspec
import pytest

from runner.options import parse
from runner.select import select
from schemas.record import READS_BEHIND, CaseRecord, JournalLine, Record
from schemas.words import Outcome
from suites import workspace
from tests.runner_support.build import ROOT

pytestmark = pytest.mark.slow
_CASES = 200
_FIRST = "nightly-execute/cpu"


def test_both_engines_agree_on_200_node_cases(tmp_path: pathlib.Path) -> None:
    """Every ninth case of all node cases, so that all operators and all ways to fail have their part."""
    options = parse(["--shard", _FIRST, "--tests", "onnx/node/", "--suites", str(ROOT / "suites")])
    cases = sorted(case.key for batch in select(workspace.load(options.suites), options) for case in batch.cases)
    chosen = cases[:: len(cases) // _CASES][:_CASES]
    auto, solo, warm = (records(tmp_path, engine, chosen) for engine in ("auto", "solo", "auto"))
    assert len(auto) == _CASES
    assert sum(each.together is not None for each in auto.values()) > _CASES // 3
    assert not any(each.together for each in solo.values())
    for others in (solo, warm):
        assert {case: told(each) for case, each in auto.items()} == {case: told(each) for case, each in others.items()}
    assert sum(each.outcome is Outcome.XFAIL and each.seconds == 0 for each in warm.values()) > _CASES // 5


def records(folder: pathlib.Path, engine: str, keys: list[str]) -> dict[str, Record]:
    """The records of one engine, from a store of its own."""
    pattern = f"({'|'.join(re.escape(key) for key in keys)})$"
    out = folder / engine
    argv = [sys.executable, "-m", "runner", "--shard", _FIRST, "--tests", pattern, "--out", str(out), "--no-rerun"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "E2ESHARD_STORE": str(folder / f"store-{engine}")}
    done = subprocess.run([*argv, "--engine", engine], cwd=ROOT, env=environment, capture_output=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    lines = (line for path in out.rglob("records.jsonl") for line in path.read_bytes().splitlines())
    found = (msgspec.json.decode(line, type=JournalLine) for line in lines)
    return {each.record.case: each.record for each in found if isinstance(each, CaseRecord)}


def told(record: Record) -> Record:
    """A record without times, memory, logs and bundles, and without the figures of a module that was its own."""
    stages = tuple(msgspec.structs.replace(each, seconds=0, peak_rss_bytes=None, log=None) for each in record.stages)
    notes = tuple(each for each in record.notes if each != READS_BEHIND)  # found in a batch only
    error = record.error and msgspec.structs.replace(record.error, excerpt="")  # addresses, temporary files
    return msgspec.structs.replace(
        record,
        error=error,
        stages=stages,
        notes=notes,
        seconds=0,
        started="",
        metrics={},
        together=None,
        bundle="",
        reproduce="",
    )

"""Whoever dies, nobody is left behind; and no more is begun than the machine's memory can take."""

from __future__ import annotations

import pathlib
import time
import uuid

import pytest

from runner import schedule
from runner.memory import ADMISSION_RESERVE
from runner.running import Limits
from schemas.words import Stage
from tests.accidents_support.build import accident_suite
from tests.accidents_support.worker import STATE
from tests.runner_support.build import FakeSuite, marked, run_faults
from tests.runner_support.faults import MARKER


def until(suite: FakeSuite, marker: str, wanted: int) -> None:
    """Wait until so many native tools run; each of the test's is called ``sleep``."""
    patience = time.monotonic() + 60
    while sum("sleep" in each for each in marked(marker)) < wanted:
        assert time.monotonic() < patience, suite.root
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.parametrize("rerun", [False, True])
def test_a_killed_scheduler_leaves_no_native_tool(tmp_path: pathlib.Path, rerun: bool) -> None:
    marker = uuid.uuid4().hex
    if rerun:  # the tools are those of a second run
        suite, jobs = accident_suite(tmp_path, ["then_tool-setup"]), 1
    else:
        suite, jobs = accident_suite(tmp_path, [f"tool-{stage}" for stage in list(Stage)[:3]]), 3
    options = ("--shard", "fakes/cpu/0", "--jobs", str(jobs))
    with suite.start(*options, **{MARKER: marker, STATE: str(tmp_path / "state")}) as process:
        try:
            until(suite, marker, 2 * jobs)  # one that heeds no signal, and one that does
        finally:
            process.kill()
    patience = time.monotonic() + 10
    while (left := marked(marker)) and time.monotonic() < patience:
        time.sleep(0.02)
    assert left == []


@pytest.mark.parametrize(("available", "at_once"), [(0.5, 1), (1.5, 1), (2.5, 2), (3.5, 3), (100.0, 4)])
def test_a_case_that_holds_nothing_yet_counts_with_what_it_may_take(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, available: float, at_once: int
) -> None:
    monkeypatch.setattr(schedule, "available_bytes", lambda: int(available * ADMISSION_RESERVE))
    limits = Limits(case=60, stages={}, memory=4 * ADMISSION_RESERVE)
    recorder, _ = run_faults(tmp_path, [f"naps-{n}" for n in range(8)], jobs=4, limits=limits)
    assert len(recorder.endings) == 8
    assert recorder.most_at_once == at_once

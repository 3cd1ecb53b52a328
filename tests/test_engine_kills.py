"""A run whose processes are killed at any moment, and gone on with, ends with one record a case and nobody left."""

from __future__ import annotations

import contextlib
import os
import pathlib
import random
import signal
import subprocess
import time
from collections.abc import Callable

import pytest

from runner.memory import children, descendants
from schemas.record import CaseStarted
from tests.engine_support.build import FAULT, FAULTY, OPERATORS, RealSuite
from tests.runner_support.build import ROOT, marked
from tests.runner_support.faults import MARKER

pytestmark = pytest.mark.slow
NAMES = [f"{each}-{number}" for each in OPERATORS[:6] for number in (1, 2)]
_KILLS = 20
_PATIENCE = 60.0


def test_a_scheduler_killed_in_the_middle_of_a_batch_goes_on_with_its_cases(tmp_path: pathlib.Path) -> None:
    suite = RealSuite(tmp_path, NAMES, worker=FAULTY)
    process = start(suite, **{FAULT: "hang-inference"})
    batches = tmp_path / "state" / "batches"
    wait_for(batches.exists)
    process.kill()
    process.wait()
    wait_for(lambda: not marked(str(tmp_path)))
    started = {line.case for line in suite.lines() if isinstance(line, CaseStarted)}
    assert len(started) == len(NAMES)
    done = suite.run("--shard", "fakes/cpu/0", "--resume")
    assert done.returncode == 0, done.stderr
    assert suite.outcomes() == dict.fromkeys(NAMES, "PASS")


def test_twenty_kills_lose_and_double_nothing(tmp_path: pathlib.Path) -> None:
    """Workers, tools, zygotes and schedulers, drawn by a seed; the store's damage is part of it."""
    dice = random.Random(7)
    suite = RealSuite(tmp_path, NAMES)
    process: subprocess.Popen[bytes] | None = None
    for _ in range(_KILLS):
        if process is None or process.poll() is not None:
            process = start(suite)
        time.sleep(dice.uniform(0.3, 3.0))
        victims = sorted({*descendants(process.pid)})
        victim = dice.choice([process.pid, *children(process.pid), *victims, *victims])
        with contextlib.suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
        if victim == process.pid:
            process.wait()
    if process is not None:
        process.wait()
    wait_for(lambda: not marked(str(tmp_path)))
    done = suite.run("--shard", "fakes/cpu/0", "--resume", "--no-rerun")
    assert done.returncode in (0, 1), done.stderr
    records = suite.records()  # which fails where a case has two
    assert sorted(records) == sorted(NAMES)
    assert {str(each.outcome) for each in records.values()} <= {"PASS", "CRASH", "INFRA"}
    fresh = suite.run("--shard", "fakes/cpu/0", "--no-rerun")
    assert fresh.returncode == 0, fresh.stdout
    assert suite.outcomes() == dict.fromkeys(NAMES, "PASS")


def start(suite: RealSuite, **extra: str) -> subprocess.Popen[bytes]:
    argv = suite.argv("--shard", "fakes/cpu/0", "--resume", "--no-rerun")
    environment = suite.environment(**{MARKER: str(suite.root), **extra})
    return subprocess.Popen(argv, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def wait_for(what: Callable[[], bool]) -> None:
    until = time.monotonic() + _PATIENCE
    while not what():
        assert time.monotonic() < until
        time.sleep(0.02)

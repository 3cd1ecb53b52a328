"""However a case goes wrong, it costs that case alone, is blamed on the right stage, and leaves nobody behind."""

from __future__ import annotations

import errno
import os
import pathlib
import signal
import time
import uuid
from contextlib import AbstractContextManager

import pytest

from runner import pool, schedule
from runner.protocol import Ending, Finished, StageEnded, StageStarted
from runner.running import Limits
from runner.wire import in_memory
from schemas.errors import CannotStartError
from schemas.words import Stage, StageStatus
from tests.pool_support.refused import REFUSED
from tests.runner_support import build
from tests.runner_support.build import FakeSuite, Recorder, marked, run_faults
from tests.runner_support.faults import MARKER

STAGE_SECONDS = 0.6
LIMITS = Limits(case=20, stages={Stage.COMPILATION: STAGE_SECONDS}, memory=200 << 20)
PATIENT = Limits(case=60, stages={}, memory=200 << 20)  # for what has to come about by itself, on a busy machine too


@pytest.fixture(name="marker")
def _marker(monkeypatch: pytest.MonkeyPatch) -> str:
    marker = uuid.uuid4().hex
    monkeypatch.setenv(MARKER, marker)  # inherited by the zygote, hence in the environment of all that it forks
    return marker


def gone(marker: str) -> list[str]:
    """What is left of a run; a killed process takes a moment to go."""
    patience = time.monotonic() + 2
    while (left := marked(marker)) and time.monotonic() < patience:
        time.sleep(0.01)
    return left


def story(folder: pathlib.Path, fault: str, marker: str, limits: Limits = LIMITS) -> tuple[Ending, list[str]]:
    """A fault between two good cases, all at once: its ending and its events in short; the others must pass."""
    recorder, stop = run_faults(folder, ["passes-1", fault, "naps-2", "passes-3"], jobs=3, limits=limits)
    assert not stop
    for neighbour in ("passes-1", "naps-2", "passes-3"):
        ending, events = recorder.endings[neighbour]
        assert (ending.exit_code, ending.reason) == (0, ""), neighbour
        assert isinstance(events[-1], Finished), neighbour
    assert gone(marker) == []
    ending, events = recorder.endings[fault]
    short = []
    for event in events:
        if isinstance(event, StageStarted):
            short.append(f"+{event.stage}")
        elif isinstance(event, StageEnded):
            short.append(f"{event.result.stage} {event.result.status}")
        else:
            short.append("finished")
    return ending, short


CUT_OFF = ["+import_model", "import_model PASS", "+compilation"]


@pytest.mark.parametrize(
    ("fault", "ended"),
    [
        ("hang", (signal.SIGKILL, None, "stage-deadline")),
        ("ignore_sigterm", (signal.SIGKILL, None, "stage-deadline")),
        ("bomb", (signal.SIGKILL, None, "stage-deadline")),
        ("closes", (signal.SIGKILL, None, "stage-deadline")),
        ("segfault", (signal.SIGSEGV, None, "")),
        ("killed", (signal.SIGKILL, None, "")),
        ("eat", (signal.SIGKILL, None, "memory-limit")),
        ("exit0", (None, 0, "")),
        ("exit3", (None, 3, "")),
        ("raises", (None, 70, "")),
        ("half", (None, 0, "")),
        ("garbage", (signal.SIGKILL, None, "bad-events")),
        ("flood", (signal.SIGKILL, None, "bad-events")),
    ],
)
def test_a_fault_is_blamed_on_its_stage(
    tmp_path: pathlib.Path, marker: str, fault: str, ended: tuple[int | None, int | None, str]
) -> None:
    ending, events = story(tmp_path, fault, marker, LIMITS if ended[-1] == "stage-deadline" else PATIENT)
    assert events == CUT_OFF
    assert (ending.signal, ending.exit_code, ending.reason) == ended
    if ending.reason == "stage-deadline":
        assert STAGE_SECONDS <= ending.stage_seconds < STAGE_SECONDS + 2
        assert "compilation took longer than its 0.6 s" in ending.detail


def test_endless_good_events_are_refused(tmp_path: pathlib.Path, marker: str) -> None:
    ending, _ = story(tmp_path, "lines", marker, Limits(case=30, stages={}, memory=1 << 30))
    assert ending.reason == "bad-events"


def test_an_allocation_that_fails_ends_its_stage_as_out_of_memory(tmp_path: pathlib.Path, marker: str) -> None:
    ending, events = story(tmp_path, "gulp", marker)
    assert (ending.exit_code, ending.reason) == (0, "")
    assert events == [*CUT_OFF, "compilation OOM", "finished"]


def test_a_full_disk_is_the_worlds_failure(tmp_path: pathlib.Path, marker: str) -> None:
    ending, events = story(tmp_path, "full_disk", marker)
    assert (ending.exit_code, ending.reason) == (0, "")
    assert events == [*CUT_OFF, "compilation INFRA", "finished"]
    assert StageStatus.INFRA == "INFRA"


def test_memory_is_counted_over_all_processes_of_a_case(tmp_path: pathlib.Path, marker: str) -> None:
    ending, events = story(tmp_path, "eat_together", marker, Limits(case=30, stages={}, memory=200 << 20))
    assert events == CUT_OFF
    assert ending.reason == "memory-limit"
    assert ending.peak_rss_bytes is not None
    assert ending.peak_rss_bytes > 200 << 20


@pytest.mark.parametrize("fault", ["orphan", "daemon"])
def test_what_a_good_case_leaves_behind_is_ended(tmp_path: pathlib.Path, marker: str, fault: str) -> None:
    ending, events = story(tmp_path, fault, marker)
    assert (ending.exit_code, events[-1]) == (0, "finished")


@pytest.mark.slow
def test_a_case_that_has_said_all_but_does_not_exit_keeps_its_result(tmp_path: pathlib.Path, marker: str) -> None:
    ending, events = story(tmp_path, "lingers", marker, Limits(case=60, stages={}, memory=1 << 30))
    assert events[-1] == "finished"
    assert (ending.exit_code, ending.signal, ending.reason) == (0, None, "")
    assert "did not exit" in ending.detail


def test_the_case_deadline_holds_where_no_stage_has_one(tmp_path: pathlib.Path, marker: str) -> None:
    ending, events = story(tmp_path, "hang", marker, Limits(case=0.7, stages={}, memory=1 << 30))
    assert events == CUT_OFF
    assert ending.reason == "case-deadline"


def test_a_lost_zygote_costs_only_cases_without_a_result(tmp_path: pathlib.Path, marker: str) -> None:
    faults = ["passes-1", "kill_zygote", "passes-2", "passes-3", "kill_zygote-2", "passes-4"]
    recorder, _ = run_faults(tmp_path, faults, jobs=1, limits=LIMITS)
    assert sorted(recorder.endings) == sorted(faults)
    for name, (ending, _) in recorder.endings.items():
        assert ending.reason == ("zygote-lost" if name.startswith("kill_zygote") else ""), name
    assert gone(marker) == []


def test_a_cases_output_goes_to_its_own_log(tmp_path: pathlib.Path) -> None:
    run_faults(tmp_path, ["noisy", "exit3", "raises"], limits=LIMITS)
    logs = {path.parent.name: path.read_text() for path in tmp_path.rglob("case.log")}
    assert logs["noisy@onnx"] == "n" * 100_000 + "\n"
    assert logs["exit3@onnx"] == "about to leave\n"
    assert "RuntimeError: a bug of ours" in logs["raises@onnx"]
    assert (tmp_path / "zygote.log").read_text() == ""


def descriptors() -> set[str]:
    return {entry.name for entry in os.scandir("/proc/self/fd")}


def all_pass(folder: pathlib.Path) -> Recorder:
    """Five cases, three at a time, all of which come to their end."""
    faults = ["naps-1", "naps-2", "passes-3", "passes-4", "naps-5"]
    recorder, stop = run_faults(folder, faults, jobs=3, limits=PATIENT)
    assert not stop
    assert set(recorder.endings) == set(faults)
    assert all(isinstance(events[-1], Finished) for _, events in recorder.endings.values())
    return recorder


def test_where_nothing_is_left_for_a_further_case_fewer_run_at_a_time(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def full_once(content: bytes) -> AbstractContextManager[int]:
        asked.append(len(content))
        if len(asked) == 3:
            raise OSError(errno.EMFILE, "Too many open files")
        return in_memory(content)

    monkeypatch.setattr(pool, "in_memory", full_once)
    recorder = all_pass(tmp_path)
    assert recorder.most_at_once <= 2
    assert len(asked) == 6


@pytest.mark.parametrize("refused", ["3", "1,2", "1,2,3,4,5", "2,4,6,8"])
def test_a_process_that_the_system_refuses_costs_nobody_else_anything(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    monkeypatch.setenv(REFUSED, refused)
    monkeypatch.setattr(build, "WORKER", "tests.pool_support.refused:run")
    monkeypatch.setattr(schedule, "_REFUSED_PAUSE", 0.01)
    before = descriptors()
    recorder = all_pass(tmp_path)
    assert len(recorder.started) == 5 + len(refused.split(","))
    assert descriptors() == before


def test_where_nothing_is_left_for_any_case_the_run_ends_and_says_how_to_go_on(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(content: bytes) -> AbstractContextManager[int]:
        raise OSError(errno.ENOMEM, "Cannot allocate memory", len(content))

    monkeypatch.setattr(pool, "in_memory", full)
    before = descriptors()
    monkeypatch.setattr(schedule, "_REFUSED_PAUSE", 0.01)
    with pytest.raises(CannotStartError, match=r"no case can be begun: Cannot allocate(.|\n)*--resume"):
        run_faults(tmp_path, ["passes-1", "passes-2"])
    assert descriptors() == before


def test_a_shard_whose_processes_are_all_refused_keeps_what_it_has_and_goes_on_with_resume(
    tmp_path: pathlib.Path,
) -> None:
    shard = FakeSuite(tmp_path, [["passes-1", "naps-2", "exit3-3"]], worker="tests.pool_support.refused:run")
    refused = ",".join(map(str, range(2, 60)))
    done = shard.run("--shard", "fakes/cpu/0", "--jobs", "1", **{REFUSED: refused})
    assert done.returncode not in (0, 1)
    assert "no case can be begun: Resource temporarily unavailable" in done.stderr
    assert len(shard.records()) == 1
    done = shard.run("--shard", "fakes/cpu/0", "--resume", **{REFUSED: "2"})
    assert done.returncode == 1, done.stderr
    assert {name: str(each.outcome) for name, each in shard.records().items()} == {
        "passes-1": "PASS",
        "naps-2": "PASS",
        "exit3-3": "CRASH",
    }
    assert not (shard.folder() / "work").exists()


def test_no_descriptor_is_left_open(tmp_path: pathlib.Path) -> None:
    before = descriptors()
    run_faults(tmp_path, ["passes", "segfault", "garbage", "hang", "kill_zygote"], limits=LIMITS)
    assert descriptors() == before

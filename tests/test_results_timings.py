from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from results.cli import main
from results.shard import write_shard
from results.timings import p75, settle
from schemas.codec import decode
from schemas.errors import Exit
from schemas.words import Outcome
from suites import timings, workspace
from suites.timings import TimingsFile
from tests.results_support.build import record, shard_results
from tests.results_support.workspace import KEYS, make_suites


def leave(folder: Path, seconds: dict[str, float], outcome: Outcome = Outcome.PASS) -> str:
    records = [record(key, outcome, seconds=value) for key, value in seconds.items()]
    write_shard(folder, shard_results(records), None)
    return str(folder)


def read(suites: Path) -> dict[str, float]:
    return decode((suites / "timings/cpu.json").read_bytes(), TimingsFile).seconds


def test_the_p75_over_several_runs_is_recorded_with_two_digits(tmp_path: Path) -> None:
    suites = make_suites(tmp_path / "suites")
    runs = [leave(tmp_path / str(n), {KEYS[0]: s}) for n, s in enumerate((1.0, 4.0, 2.0, 3.1416))]
    assert main(["timings", *runs, "--suites", str(suites), "--write"]) == Exit.OK
    assert read(suites) == {KEYS[0]: 3.1}
    case = next(c for c in workspace.load(suites).suite("s").cases if c.key == KEYS[0])
    assert timings.load(suites).seconds("cpu", case) == 3.1


def test_only_runs_that_ended_well_count(tmp_path: Path) -> None:
    suites = make_suites(tmp_path / "suites")
    runs = [
        leave(tmp_path / "1", {KEYS[0]: 1.0}),
        leave(tmp_path / "2", {KEYS[0]: 60.0, KEYS[1]: 60.0}, Outcome.TIMEOUT),
        leave(tmp_path / "3", {KEYS[2]: 7.0}, Outcome.XFAIL),
    ]
    assert main(["timings", *runs, "--suites", str(suites), "--write"]) == Exit.OK
    assert read(suites) == {KEYS[0]: 1.0, KEYS[2]: 7.0}


def test_small_moves_and_cases_that_did_not_run_leave_the_file_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suites = make_suites(tmp_path / "suites")
    first = leave(tmp_path / "1", {KEYS[0]: 1.0, KEYS[1]: 5.0, KEYS[2]: 2.0})
    assert main(["timings", first, "--suites", str(suites), "--write"]) == Exit.OK
    before = (suites / "timings/cpu.json").read_bytes()
    near = leave(tmp_path / "2", {KEYS[0]: 1.19, KEYS[1]: 4.1})
    assert main(["timings", near, "--suites", str(suites), "--write"]) == Exit.OK
    assert (suites / "timings/cpu.json").read_bytes() == before
    assert "nothing to change" in capsys.readouterr().err
    far = leave(tmp_path / "3", {KEYS[0]: 1.3})
    assert main(["timings", far, "--suites", str(suites)]) == Exit.OK
    diff = capsys.readouterr().out
    assert [line for line in diff.splitlines() if line[:2] in ("+ ", "- ")] == [
        f'-  "{KEYS[0]}": 1.0,',
        f'+  "{KEYS[0]}": 1.3,',
    ] or diff.count("\n+ ") == 1
    assert (suites / "timings/cpu.json").read_bytes() == before, "without --write nothing is written"


def test_a_folder_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    run = leave(tmp_path / "1", {KEYS[0]: 1.0})
    assert main(["timings", run, "--suites", str(tmp_path / "none")]) == Exit.USAGE


@given(st.lists(st.floats(0.001, 1000), min_size=1))
def test_the_p75_is_a_sample_that_three_quarters_do_not_exceed(values: list[float]) -> None:
    found = p75(values)
    assert found in values
    assert sum(value <= found for value in values) >= math.ceil(0.75 * len(values))


SECONDS = st.dictionaries(st.sampled_from(KEYS), st.floats(0.01, 1000))


@given(SECONDS, SECONDS)
def test_settling_twice_is_settling_once(recorded: dict[str, float], measured: dict[str, float]) -> None:
    once = settle(recorded, measured)
    assert settle(once, measured) == once
    assert once.keys() == recorded.keys() | measured.keys()
    assert all(once[key] == recorded[key] for key in recorded.keys() - measured.keys())

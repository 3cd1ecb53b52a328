"""Which case comes next, how many run at once, how long each may take, and how to repeat one."""

from __future__ import annotations

import os
import pathlib

import msgspec
import pytest

from runner import schedule
from runner.options import Options
from runner.order import in_order, jobs_at_a_time, limits_of
from runner.reproduce import reproduce_command
from runner.running import Limits
from schemas.case import Case
from schemas.target import StageTimeout, Target
from schemas.words import Depth, Lowering, Stage
from tests.runner_support.build import TARGET, case, run_faults


def changed(target: Target, **fields: object) -> Target:
    return Target(**{name: getattr(target, name) for name in target.__struct_fields__} | fields)


def with_timeouts(of: Case, *timeouts: StageTimeout) -> Case:
    return Case(**{name: getattr(of, name) for name in of.__struct_fields__} | {"stage_timeouts": timeouts})


def test_longest_first_and_ties_by_id() -> None:
    seconds = {"a": 1.0, "b": 5.0, "c": 1.0, "d": 2.0}
    cases = [case(name) for name in "cdba"]
    ordered = in_order(cases, lambda each: seconds[each.model[-1]])
    assert [each.model[-1] for each in ordered] == ["b", "d", "a", "c"]


def test_cases_at_a_time() -> None:
    cores = len(os.sched_getaffinity(0))
    assert jobs_at_a_time(TARGET, None) == cores
    assert jobs_at_a_time(changed(TARGET, jobs=7), None) == 7
    assert jobs_at_a_time(changed(TARGET, jobs=7), 3) == 3
    assert jobs_at_a_time(changed(TARGET, jobs=7, exclusive_device=True), 3) == 1


def test_limits() -> None:
    one = with_timeouts(case("a", memory=5), StageTimeout(Stage.COMPILATION, 30.0))
    assert limits_of(one, timeout=None, scale=1) == Limits(case=600, stages={Stage.COMPILATION: 30}, memory=5)
    assert limits_of(one, timeout=90, scale=2) == Limits(case=180, stages={Stage.COMPILATION: 60}, memory=5)


def test_little_memory_means_one_case_at_a_time(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    running: list[int] = []
    monkeypatch.setattr(schedule, "available_bytes", lambda: running.append(1) or 10)
    recorder, _ = run_faults(tmp_path, ["naps-1", "naps-2", "naps-3"], jobs=3)
    assert running
    assert len(recorder.endings) == 3
    assert max(ending.seconds for ending, _ in recorder.endings.values()) < 5
    assert recorder.started == [f"fakes/cpu/fake/naps-{n}@onnx" for n in (1, 2, 3)]
    assert recorder.most_at_once == 1


def test_the_command_to_repeat_a_case_has_every_option_that_matters() -> None:
    one = case("a")
    assert reproduce_command(one, Options()) == "python -m runner fake/a@onnx --target cpu --suite fakes"
    options = Options(
        suites=pathlib.Path("my suites"),
        depth=Depth.COMPILE,
        lowering=Lowering.LINALG,
        stages=(Stage.SETUP, Stage.IMPORT_MODEL),
        load_inputs=True,
        compiler="../build",
        timeout=90.0,
        timeout_scale=2.0,
        jobs=3,
        resume=True,
    )
    one = msgspec.structs.replace(one, lowering=Lowering.LINALG)
    assert reproduce_command(one, options) == (
        "python -m runner fake/a --path onnx --lowering linalg --target cpu --suite fakes --suites 'my suites'"
        " --depth compile --stages setup,import_model --load-inputs --compiler ../build --timeout 90s --timeout-scale 2"
    )

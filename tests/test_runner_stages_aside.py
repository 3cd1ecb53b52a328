"""The golden of a larger model is made while the compiler runs, and nothing of that shows but the time."""

from __future__ import annotations

import os
import pathlib
import signal
import time
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from runner.frontends import onnx_native
from runner.frontends.onnx import OnnxFrontend
from runner.frontends.onnx_tester import OnnxTesterFrontend
from runner.memory import SPARE, children, end_spare
from runner.protocol import Job
from runner.stages import aside
from runner.work import SECONDS, Predictable, Work
from schemas.words import Depth, Stage, StageStatus
from suites.models.onnx_tester import OnnxModelTester
from tests.engine_support.build import RealSuite
from tests.stages_support.cases import a_case, a_job, a_model, error_of, run, store

F32 = TensorProto.FLOAT
PROCESSORS = len(os.sched_getaffinity(0))
SIZE = 600  # its square is 1.4 MiB of floats


def a_large_model(path: pathlib.Path) -> pathlib.Path:
    weights = np.random.default_rng(0).normal(size=(SIZE, SIZE)).astype(np.float32)
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    shape = [2, SIZE]
    return a_model(path, [node], [("x", F32, shape)], [("y", F32, shape)], [numpy_helper.from_array(weights, "w")])


@pytest.fixture
def model(tmp_path: pathlib.Path) -> pathlib.Path:
    return a_large_model(tmp_path / "model" / "model.onnx")


@pytest.fixture(autouse=True)
def _two_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})


def a_work(job: Job) -> Work:
    work = Work(job=job, frontend=OnnxFrontend(job), folder=pathlib.Path(job.folder))
    work.frontend.setup()
    return work


def nothing_is_left(job: Job) -> None:
    """No process, a zombie neither, and no file that another run has not."""
    assert SPARE not in [pathlib.Path(f"/proc/{pid}/comm").read_text().rstrip() for pid in children(os.getpid())]
    assert not [each for each in pathlib.Path(job.folder).iterdir() if each.name.startswith(("tmp", "golden"))]


def test_a_case_reads_the_same_but_for_the_seconds(tmp_path: pathlib.Path, model: pathlib.Path) -> None:
    found, logs = [], []
    for each in (False, True):
        job = a_job(tmp_path / str(each), model, aside=each)
        events, stages, last = run(job)
        assert error_of(events) == ""
        assert {each.status for each in stages.values()} == {StageStatus.PASS}
        nothing_is_left(job)
        found.append(last)
        logs.append({each.stage: each.log for each in stages.values()})
    assert "golden: ONNX Runtime, CPU" in found[1].notes
    assert logs[0] == logs[1]
    assert 0 < found[1].metrics.pop(SECONDS) < 60
    assert found[0].metrics.keys() == found[1].metrics.keys()
    assert found[0].comparisons == found[1].comparisons
    assert (found[0].notes, found[0].flags) == (found[1].notes, found[1].flags)


def _killed(*_: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def _hangs(*_: Any) -> Any:
    time.sleep(600)


def _raises(*_: Any) -> Any:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("fault", [_killed, _hangs, _raises])
def test_whatever_becomes_of_the_fork_the_stage_does_its_work(
    tmp_path: pathlib.Path, model: pathlib.Path, monkeypatch: pytest.MonkeyPatch, fault: Callable[..., Any]
) -> None:
    own, real = os.getpid(), onnx_native.run
    monkeypatch.setattr(onnx_native, "run", lambda *given: real(*given) if os.getpid() == own else fault())
    monkeypatch.setattr(aside, "_PATIENCE", 0.6)
    job = a_job(tmp_path, model, aside=True)
    events, stages, last = run(job)
    assert error_of(events) == ""
    assert Stage.COMPARISON in stages
    assert SECONDS not in last.metrics
    nothing_is_left(job)


def test_a_golden_of_other_inputs_is_not_taken(
    tmp_path: pathlib.Path, model: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of a class whose inputs are others each time."""
    own, real = os.getpid(), OnnxFrontend.construct_inputs

    def others(frontend: OnnxFrontend) -> tuple[Any, ...]:
        return tuple(each + (os.getpid() != own) for each in real(frontend))

    monkeypatch.setattr(OnnxFrontend, "construct_inputs", others)
    events, _, last = run(a_job(tmp_path, model, aside=True))
    assert error_of(events) == ""
    assert SECONDS not in last.metrics


def test_with_a_compilation_that_fails_ends_the_fork(
    tmp_path: pathlib.Path, model: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_native, "run", _hangs)
    job = a_job(tmp_path, model, a_case(compile_flags=("--no-such-flag",)), aside=True)
    begun = time.monotonic()
    _, stages, _ = run(job)
    assert stages[Stage.COMPILATION].status is StageStatus.FAIL
    assert list(stages)[-1] is Stage.COMPILATION
    assert time.monotonic() - begun < 60
    nothing_is_left(job)


def test_a_golden_that_is_slow_is_waited_for(
    tmp_path: pathlib.Path, model: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as it works on it, whatever the patience with one that does not."""
    own, real = os.getpid(), onnx_native.run

    def slow(*given: Any) -> Any:
        begun = time.process_time()
        while os.getpid() != own and time.process_time() - begun < 4:
            pass
        return real(*given)

    monkeypatch.setattr(onnx_native, "run", slow)
    monkeypatch.setattr(aside, "_PATIENCE", 2.0)
    work = a_work(a_job(tmp_path, model, aside=True))
    made = aside.begun_aside(work)
    assert made is not None
    assert made.golden(work, work.frontend.construct_inputs()) is not None
    assert made.golden(work, ()) is None, "it is given once"
    made.close()
    nothing_is_left(work.job)


def test_over_the_memory_limit_the_fork_goes_first(
    tmp_path: pathlib.Path, model: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_native, "run", _hangs)
    work = a_work(a_job(tmp_path, model, aside=True))
    made = aside.begun_aside(work)
    assert made is not None
    deadline = time.monotonic() + 30
    while not end_spare(os.getpid()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert made.golden(work, work.frontend.construct_inputs()) is None
    made.close()
    nothing_is_left(work.job)


@pytest.mark.parametrize(
    "other",
    [
        {"aside": False},
        {"case": a_case(memory_limit=1 << 24)},
        {"case": a_case(depth=Depth.COMPILE)},
        {"stages": (Stage.SETUP, Stage.IMPORT_MODEL, Stage.PREPROCESS_MODEL, Stage.COMPILATION)},
    ],
)
def test_where_it_is_not_worth_it_there_is_no_fork(
    tmp_path: pathlib.Path, model: pathlib.Path, other: dict[str, Any]
) -> None:
    job = a_job(tmp_path, model, aside=True)
    made = aside.begun_aside(a_work(job))
    assert made is not None
    made.close()
    assert aside.begun_aside(a_work(msgspec.structs.replace(job, **other))) is None
    nothing_is_left(job)


def test_a_given_golden_needs_none(tmp_path: pathlib.Path, model: pathlib.Path) -> None:
    value = np.zeros((2, SIZE), np.float32)
    job = a_job(tmp_path, model.parent, aside=True)
    store(model.parent, [value], [])
    assert isinstance(frontend := OnnxFrontend(job), Predictable)
    assert frontend.predictable_model() == model
    store(model.parent, [value], [value])
    assert OnnxFrontend(job).predictable_model() is None


def test_code_of_a_class_of_its_own_runs_in_its_stage_only(tmp_path: pathlib.Path, model: pathlib.Path) -> None:
    class Plain(OnnxModelTester):
        model_file = model

        def load_model(self) -> pathlib.Path:
            return model

    class Own(Plain):
        def forward(self, inputs: Any) -> Any:
            return inputs

    class Given(Plain):
        def load_inputs(self) -> Any:
            return {}

    class Configured(Plain):
        def configure_session(self, options: Any) -> None:
            options.enable_profiling = True

    job = a_job(tmp_path, model)
    for kind, expected in ((Plain, model), (Own, None), (Given, None), (Configured, None)):
        frontend = OnnxTesterFrontend(job)
        frontend._tester = kind()
        assert frontend.predictable_model() == expected


@pytest.mark.slow
def test_the_simple_engine_has_none(tmp_path: pathlib.Path) -> None:
    suite = RealSuite(tmp_path, ["Abs"])
    a_large_model(suite.suites / "models" / "Abs.onnx")
    suite.write_matrix()
    for engine in ("auto", "solo"):
        done = suite.run("--shard", "fakes/cpu/0", "--engine", engine)
        assert done.returncode == 0, done.stdout + done.stderr
        (record,) = suite.records().values()
        assert (SECONDS in record.metrics) is (engine == "auto" and PROCESSORS > 1)

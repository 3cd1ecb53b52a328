"""A compiled model is checked value by value: a wrong one is named, and the case's verdict is what it was."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from runner.intermediates import verify
from runner.protocol import Finished
from runner.work import Work
from schemas.case import Tolerance, Tuning
from schemas.target import StageTimeout
from schemas.words import Lowering, Mode, Stage, StageStatus
from schemas.words import Path as ModelPath
from tests.stages_support.cases import a_case, a_job, a_model, error_of, run
from tests.torch_support import NEEDS_TORCH, job_of, model

pytestmark = pytest.mark.slow

CHECKED = Tuning(verify_intermediates=True)
LOOSE = Tolerance(atol=0.01, rtol=0.0, pcc=0.99)
MLP = model(
    "def forward(self, x):\n    return self.b(self.a(x).relu()).softmax(-1)",
    "torch.randn(2, 4)",
    init="self.a = nn.Linear(4, 8)\nself.b = nn.Linear(8, 3)",
)


def checked(folder: Path, text: str = MLP, **settings: Any) -> Finished:
    """The last word of a case that passes."""
    events, stages, last = run(job_of(folder, text, **{"tuning": CHECKED, "tolerance": LOOSE, **settings}))
    assert error_of(events) == ""
    assert stages[Stage.COMPARISON].status is StageStatus.PASS
    return last


def told(last: Finished) -> list[str]:
    return [each for each in last.notes if each.startswith("intermediates")]


@NEEDS_TORCH
@pytest.mark.parametrize("lowering", Lowering)
def test_every_value_of_a_right_model_agrees(tmp_path: Path, lowering: Lowering) -> None:
    last = checked(tmp_path, lowering=lowering)
    count = int(last.metrics["intermediates"])
    assert count >= 6
    assert last.metrics["intermediates_diverging"] == 0
    assert told(last) == [f"intermediates: {count} of {count} values compared, none diverges"]
    assert last.intermediates == ()
    assert len(last.comparisons) == 1
    assert not list((tmp_path / "work" / "intermediates").glob("portion_*"))


@NEEDS_TORCH
def test_without_the_setting_nothing_is_checked(tmp_path: Path) -> None:
    last = checked(tmp_path, tuning=Tuning())
    assert told(last) == []
    assert "intermediates" not in last.metrics


def corrupt(patch: pytest.MonkeyPatch, weight: str) -> None:
    """A fault: the second module gets another number among its constants than the model has."""
    from runner.intermediates import torch_subject  # noqa: PLC0415 - loads torch

    original = torch_subject.import_as_it_is

    def wrong(program: Any, *rest: Any) -> Any:
        program.state_dict[weight] = program.state_dict[weight].detach().clone()
        program.state_dict[weight].view(-1)[0] += 3
        return original(program, *rest)

    patch.setattr(torch_subject, "import_as_it_is", wrong)


def first_reader(folder: Path, weight: str) -> str:
    """The first node of the model's program that reads a weight, as a report names it."""
    from tests.torch_support.walk import work_of  # noqa: PLC0415 - loads torch

    work = work_of(folder, MLP)
    (walked,) = work.frontend.programs(work.inputs)  # type: ignore[attr-defined] # of the torch frontends
    name = {target: node for node, target in walked.program.graph_signature.inputs_to_parameters.items()}[weight]
    placeholder = next(each for each in walked.program.graph.nodes if each.name == name)
    node = min(placeholder.users)
    return f"{node.name} ({node.target})"


@NEEDS_TORCH
@pytest.mark.parametrize("weight", ["model.a.bias", "model.b.bias", "model.b.weight"])
def test_the_first_value_that_a_wrong_constant_reaches_is_named(tmp_path: Path, weight: str) -> None:
    expected = first_reader(tmp_path / "again", weight)
    with pytest.MonkeyPatch.context() as patch:
        corrupt(patch, weight)
        last = checked(tmp_path)
    assert last.intermediates[0].output == expected
    assert last.intermediates[0].max_abs == pytest.approx(3, rel=1e-3)
    assert f"the first is {expected}: " in told(last)[0]
    assert last.metrics["intermediates_diverging"] == len(last.intermediates)
    assert all(each.passed for each in last.comparisons), "the compiled model itself is right"


@NEEDS_TORCH
def test_a_case_that_fails_is_checked_and_fails_as_before(tmp_path: Path) -> None:
    exact = Tolerance(atol=0.0, rtol=0.0, pcc=1.0)
    text = model("def forward(self, x):\n    return (x.exp() * 1.1).sin()", "torch.randn(64)")
    events, stages, last = run(job_of(tmp_path, text, tuning=CHECKED, tolerance=exact))
    plain, _, before = run(job_of(tmp_path / "plain", text, tolerance=exact))
    assert error_of(events) == error_of(plain) != ""
    assert last.comparisons == before.comparisons
    assert stages[Stage.COMPARISON].status is StageStatus.FAIL
    assert last.metrics["intermediates"] == 3
    assert told(last)[0].startswith("intermediates: 3 of 3 values compared, ")


@NEEDS_TORCH
def test_graphs_of_a_broken_model_are_checked_one_by_one(tmp_path: Path) -> None:
    forward = "def forward(self, x):\n    y = x * 2\n    return y * 3 if y.max() > -99 else y"
    with pytest.MonkeyPatch.context() as patch:
        from runner.intermediates import torch_subject  # noqa: PLC0415 - loads torch

        original = torch_subject.TorchSubject.golden
        patch.setattr(
            torch_subject.TorchSubject, "golden", lambda self, chosen: [each + 1 for each in original(self, chosen)]
        )
        last = checked(tmp_path, model(forward, "torch.randn(4)"))
    assert last.metrics["intermediates"] == last.metrics["intermediates_diverging"]
    assert last.intermediates[0].output == "graph 1 of 2: mul (aten.mul.Tensor)"
    assert any(each.output.startswith("graph 2 of 2: ") for each in last.intermediates)


@NEEDS_TORCH
def test_a_training_step_is_checked_with_its_gradients(tmp_path: Path) -> None:
    last = checked(
        tmp_path, MLP.replace(".softmax(-1)", ""), mode=Mode.TRAIN, tolerance=Tolerance(relative_atol=0.01, pcc=0.99)
    )
    assert last.metrics["intermediates"] > 10
    assert last.metrics["intermediates_diverging"] == 0


@NEEDS_TORCH
def test_what_random_numbers_went_into_is_left_out(tmp_path: Path) -> None:
    forward = """def forward(self, x):
    y, noise = x * 2, torch.rand(4)
    return y.exp() + 0 * (noise + x), torch.zeros_like(noise) + y"""
    last = checked(tmp_path, model(forward, "torch.randn(4)"))
    assert told(last)[0].endswith("values compared, none diverges")
    assert "values left out: of random numbers or uninitialised memory" in told(last)[1]
    assert last.metrics["intermediates"] >= 4


@NEEDS_TORCH
def test_a_value_that_cannot_be_had_hides_no_other(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        from runner.intermediates import torch_subject  # noqa: PLC0415 - loads torch

        original = torch_subject.TorchSubject.write_module

        def refuse(self: Any, chosen: Any, *rest: Any) -> Any:
            if any("relu" in each.op for each in chosen):
                msg = "relu cannot be an output"
                raise ValueError(msg)
            return original(self, chosen, *rest)

        patch.setattr(torch_subject.TorchSubject, "write_module", refuse)
        last = checked(tmp_path)
    first, second = told(last)
    assert second == "intermediates: 1 value could not be had: ValueError: relu cannot be an output"
    count = int(last.metrics["intermediates"])
    assert first == f"intermediates: {count} of {count + 1} values compared, none diverges"
    assert count >= 5


@NEEDS_TORCH
@pytest.mark.parametrize("fault", ["crash", "hang"])
def test_a_crash_or_a_hang_is_a_note(tmp_path: Path, fault: str) -> None:
    def accident(*_: object) -> None:
        if fault == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        time.sleep(600)

    with pytest.MonkeyPatch.context() as patch:
        from runner.intermediates import torch_subject  # noqa: PLC0415 - loads torch

        patch.setattr(torch_subject.TorchSubject, "write_module", accident)
        patch.setattr(verify, "_seconds", lambda _: 3.0)
        events, stages, last = run(job_of(tmp_path, MLP, tuning=CHECKED, tolerance=LOOSE))
    assert stages[Stage.COMPARISON].seconds < 30
    assert error_of(events) == ""
    assert stages[Stage.COMPARISON].status is StageStatus.PASS
    assert told(last)[-1].endswith("SIGSEGV while they were checked" if fault == "crash" else " s")
    assert "not tried" in told(last)[-1]
    assert last.metrics["intermediates"] == 0


def test_the_check_ends_before_the_cases_time_does(tmp_path: Path) -> None:
    case = a_case(timeout=100.0, stage_timeouts=(StageTimeout(Stage.COMPARISON, 40.0),))
    job = a_job(tmp_path, tmp_path / "m.onnx", case)
    work = Work(job=job, frontend=None, folder=tmp_path)  # type: ignore[arg-type] # nothing of it is asked
    now = time.monotonic()
    work.begun, work.stage_begun = now - 50, now - 10
    assert verify._seconds(work) == pytest.approx(24, abs=1), "the stage's"
    work.stage_begun = now
    assert verify._seconds(work) == pytest.approx(32, abs=1)
    work.begun = now - 95
    assert verify._seconds(work) == pytest.approx(4, abs=1), "the case's"
    work.job = msgspec.structs.replace(job, deadline=105.0)
    assert verify._seconds(work) == pytest.approx(8, abs=1), "as the scheduler keeps it"
    work.job = msgspec.structs.replace(job, stage_deadlines=(StageTimeout(Stage.COMPARISON, 2.0),))
    assert verify._seconds(work) == pytest.approx(1.6, abs=0.5)
    work.begun = now - 200
    assert verify._seconds(work) == 0


def small_model(file: Path) -> Path:
    rng = np.random.default_rng(0)
    weights = [
        numpy_helper.from_array(rng.standard_normal(shape).astype(np.float32), name)
        for name, shape in (("a", (4, 8)), ("b", (8, 3)))
    ]
    nodes = [
        helper.make_node("MatMul", ["x", "a"], ["hidden"]),
        helper.make_node("Relu", ["hidden"], ["active"]),
        helper.make_node("Constant", [], ["two"], value=numpy_helper.from_array(np.array(2, np.float32))),
        helper.make_node("Mul", ["active", "two"], ["doubled"]),
        helper.make_node("TopK", ["doubled", "k"], ["largest", "places"]),
        helper.make_node("MatMul", ["doubled", "b"], ["y"]),
    ]
    k = numpy_helper.from_array(np.array([2], np.int64), "k")
    return a_model(file, nodes, [("x", 1, (2, 4))], [("y", 1, (2, 3)), ("places", 7, (2, 2))], [*weights, k])


def onnx_case(folder: Path) -> Finished:
    job = a_job(folder, small_model(folder / "m.onnx"), a_case(tuning=CHECKED, tolerance=LOOSE))
    events, _, last = run(job)
    assert error_of(events) == ""
    return last


def test_an_onnx_models_values_agree(tmp_path: Path) -> None:
    last = onnx_case(tmp_path)
    assert told(last) == ["intermediates: 6 of 6 values compared, none diverges"], "all but the constant"


@NEEDS_TORCH
def test_a_pytorch_model_that_became_an_onnx_model_is_checked_as_that(tmp_path: Path) -> None:
    last = checked(tmp_path, path=ModelPath.ONNX, id="s/cpu/torch/mine@onnx")
    count = int(last.metrics["intermediates"])
    assert count >= 4
    assert told(last) == [f"intermediates: {count} of {count} values compared, none diverges"]


def test_of_onnx_too_the_first_wrong_value_is_named(tmp_path: Path) -> None:
    from runner.intermediates import onnx_subject  # noqa: PLC0415 - what is patched

    original = onnx_subject.onnx_importer.import_file

    def wrong(file: Path, folder: Path, flags: Any) -> Any:
        if file.parent.name == "onnx":  # the second module's
            proto = onnx.load(file)
            found = next(each for each in proto.graph.initializer if each.name == "b")
            values = numpy_helper.to_array(found).copy()
            values[:, 0] += 3
            found.CopyFrom(numpy_helper.from_array(values, "b"))
            onnx.save(proto, file)
        return original(file, folder, flags)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnx_subject.onnx_importer, "import_file", wrong)
        last = onnx_case(tmp_path)
    assert [each.output for each in last.intermediates] == ["y (onnx.MatMul)"]
    assert "1 diverging; the first is y (onnx.MatMul): " in told(last)[0]
    assert all(each.passed for each in last.comparisons)


def test_values_that_onnx_draws_by_chance_are_left_out(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("RandomNormalLike", ["x"], ["noise"]),
        helper.make_node("Mul", ["noise", "zero"], ["nothing"]),
        helper.make_node("Exp", ["x"], ["e"]),
        helper.make_node("Add", ["e", "nothing"], ["y"]),
    ]
    zero = numpy_helper.from_array(np.zeros((), np.float32), "zero")
    file = a_model(tmp_path / "m.onnx", nodes, [("x", 1, (2, 4))], [("y", 1, (2, 4))], [zero])
    case = a_case(tuning=CHECKED, tolerance=LOOSE)
    _, _, last = run(a_job(tmp_path, file, case))
    if "intermediates" in last.metrics:  # the compiler may not take random numbers at all
        assert last.metrics["intermediates"] == 1
        assert "intermediates: 3 values left out: of random numbers or uninitialised memory" in last.notes

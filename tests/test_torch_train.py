"""Mode train: loss and gradients of the compiled step against PyTorch's autograd, and what both sides leave out."""

from __future__ import annotations

import pathlib
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

if find_spec("torch") is None:
    pytest.skip("torch is not installed: make install EXTRAS=torch", allow_module_level=True)

import torch
from torch import nn

from runner.backends import iree
from runner.compare import compare
from runner.frontends.torch_flat import FlatModule, arguments_of
from runner.frontends.torch_train import NO_GRADIENT, Training
from runner.work import Golden
from schemas.case import Case, Source, Tolerance
from schemas.words import Mode, Path, SourceKind, Stage, StageStatus
from tests.stages_support.cases import a_case, a_job, error_of, run

FILE = """
import torch
from torch import nn
from torch.nn import functional as F
from suites import ModelTester

{net}

class Mine(ModelTester):
    modes = ("eval", "train")

    def load_model(self):
        return {model}

    def load_inputs(self):
        return {inputs}
"""

MLP = {
    "model": "nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 4), nn.Tanh())",
    "inputs": "(torch.randn(3, 8),)",
    "outputs": ["loss", "grad.input.input", "grad.0.weight", "grad.0.bias", "grad.2.weight", "grad.2.bias"],
}
CONV = {
    "model": "nn.Sequential(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 2, 3))",
    "inputs": "(torch.randn(2, 3, 12, 12),)",
    "outputs": [
        "loss",
        "grad.input.input",
        *(f"grad.{layer}.{what}" for layer in (0, 1, 4) for what in ("weight", "bias")),
    ],
    "notes": ["rounding noise in PyTorch, compared as zero: grad.0.bias"],
}
ATTENTION = {
    "net": """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(20, 16)
        self.attention = nn.MultiheadAttention(16, 4, dropout=0.1, batch_first=True)
        self.drop = nn.Dropout(0.3)
        self.rate_dropped = 0.25
        self.head = nn.Linear(16, 20, bias=False)
        self.head.weight = self.embed.weight
        self.unused = nn.Linear(3, 3)
        self.frozen = nn.Linear(16, 16).requires_grad_(False)

    def forward(self, ids, scale):
        x = F.dropout(self.drop(self.embed(ids)), self.rate_dropped, self.training) * scale
        y, _ = self.attention(x, x, x, need_weights=False)
        return {"text": self.head(self.frozen(x + y)).tanh(), "ids": ids + 1}
""",
    "model": "Net()",
    "inputs": "{'ids': torch.tensor([[1, 2, 3, 2, 1, 7]]), 'scale': torch.rand(1, 6, 1)}",
    "outputs": [
        "loss",
        "grad.input.scale",
        "grad.embed.weight",
        *(f"grad.attention.{name}" for name in ("in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias")),
    ],
    "notes": [
        "dropout set to 0: rate_dropped, attention.dropout, drop.p",
        "no gradient, not compared: grad.unused.weight, grad.unused.bias",
    ],
}


def text(model: dict[str, Any]) -> str:
    return FILE.format(net=model.get("net", ""), model=model["model"], inputs=model["inputs"])


def train_case(**settings: Any) -> Case:
    source = Source(SourceKind.PYTHON, "mine.py:Mine")
    tolerance = settings.pop("tolerance", Tolerance(pcc=0.99, atol=0.01, rtol=0.0))
    return a_case(path=Path.TORCH_MLIR, mode=Mode.TRAIN, source=source, tolerance=tolerance, **settings)


def trained(folder: pathlib.Path, model: dict[str, Any], **settings: Any) -> tuple[Any, ...]:
    file = folder / "mine.py"
    file.write_text(text(model))
    return run(a_job(folder, file, train_case(**settings)))


def step_of(model: nn.Module, *inputs: torch.Tensor) -> Training:
    torch.manual_seed(0)
    model.train()
    arguments = arguments_of(model, inputs, {})
    return Training(FlatModule(model, arguments), arguments)


@pytest.mark.slow
@pytest.mark.parametrize("model", [MLP, CONV, ATTENTION], ids=["mlp", "conv and batch norm", "embedding and attention"])
def test_a_step_gives_pytorchs_loss_and_gradients(tmp_path: pathlib.Path, model: dict[str, Any]) -> None:
    events, stages, last = trained(tmp_path, model)
    assert error_of(events) == ""
    assert {result.status for result in stages.values()} == {StageStatus.PASS}
    assert [each.output for each in last.comparisons] == model["outputs"]
    assert all(each.passed and each.total for each in last.comparisons)
    for wanted in model.get("notes", ()):
        assert any(wanted in note for note in last.notes), (wanted, last.notes)
    assert "golden: forward" not in last.notes


@pytest.mark.slow
def test_a_wrong_gradient_of_the_compiled_side_fails(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fault: one gradient of the compiled step is 3 % too large, as PCC could never tell."""
    honest, wrong = iree.run_module, "grad.0.weight"

    def corrupt(*given: Any) -> tuple[Any, ...]:
        outputs = list(honest(*given))
        outputs[MLP["outputs"].index(wrong)] *= np.float32(1.03)
        return tuple(outputs)

    monkeypatch.setattr(iree, "run_module", corrupt)
    events, stages, last = trained(tmp_path, MLP)
    assert stages[Stage.COMPARISON].status is StageStatus.FAIL
    assert error_of(events)
    assert [each.output for each in last.comparisons if not each.passed] == [wrong]


def test_each_output_must_be_right() -> None:
    training = step_of(nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 4), nn.Tanh()), torch.randn(3, 8))
    golden = tuple(Golden(name, each.numpy()) for name, each in training.golden().items())
    for wrong in golden:
        for fault in (lambda v: v * np.float32(1.03), lambda v: -v, np.zeros_like, lambda v: v * np.float32(np.nan)):
            outputs = training.settle([fault(each.value) if each is wrong else each.value for each in golden])
            verdict = compare(golden, outputs, train_case().accepted)
            assert [each.output for each in verdict.comparisons if not each.passed] == [wrong.name]
    assert compare(golden, training.settle([each.value for each in golden]), train_case().accepted).signature is None


def test_the_golden_is_the_slope_of_the_loss() -> None:
    model = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3)).double()
    x = torch.randn(2, 5, dtype=torch.float64)
    golden = step_of(model, x).golden()

    def loss() -> float:
        with torch.no_grad():
            return float(model(x).mean())

    assert float(golden["loss"]) == pytest.approx(loss())
    places = {"grad.input.input": x, **{f"grad.{name}": each.data for name, each in model.named_parameters()}}
    assert list(golden) == ["loss", *places]
    for name, place in places.items():
        flat, expected = place.view(-1), golden[name].reshape(-1)
        for index in range(flat.numel()):
            kept, losses = float(flat[index]), []
            for step in (1e-6, -1e-6):
                flat[index] = kept + step
                losses.append(loss())
            flat[index] = kept
            assert float(expected[index]) == pytest.approx((losses[0] - losses[1]) / 2e-6, abs=1e-8), name


def test_the_loss_is_the_mean_of_each_floating_output_summed() -> None:
    class Several(nn.Module):
        def forward(self, x: torch.Tensor) -> Any:
            return {"a": x, "rest": (x[:1] * 3, x.half(), x.argmax(), (x > 0))}

    x = torch.randn(4, 3)
    golden = step_of(Several(), x).golden()
    wanted = float(x.mean()) + float(x[:1].mean() * 3) + float(x.half().mean())
    assert float(golden["loss"]) == pytest.approx(wanted, rel=1e-3)
    assert list(golden) == ["loss", "grad.input.x"]


def test_the_step_leaves_the_model_and_its_inputs_as_they_are() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.ReLU(inplace=True))
    x = torch.randn(8, 4)
    before = {name: each.clone() for name, each in model.state_dict().items()}, x.clone()
    training = step_of(model, x)
    first, again = training.golden(), training.on(training._arguments).golden()
    assert all(torch.equal(each, model.state_dict()[name]) for name, each in before[0].items())
    assert torch.equal(before[1], x)
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(each, again[name]) for name, each in first.items())


def test_rounding_noise_counts_as_zero_and_a_real_value_does_not() -> None:
    training = step_of(nn.Sequential(nn.Conv1d(3, 4, 3), nn.BatchNorm1d(4), nn.Tanh()), torch.randn(2, 3, 9))
    golden = training.golden()
    noisy = list(golden).index("grad.0.bias")
    assert not golden["grad.0.bias"].any()
    outputs = [each.numpy().copy() for each in golden.values()]
    outputs[noisy] = np.full(4, 1e-9, np.float32)
    assert not training.settle(outputs)[noisy].any()
    outputs[noisy][2] = 1e-4
    np.testing.assert_array_equal(training.settle(outputs)[noisy], outputs[noisy])
    untouched = [number for number in range(len(outputs)) if number != noisy]
    assert all(training.settle(outputs)[number] is outputs[number] for number in untouched)
    outputs[noisy][2] = np.nan
    assert np.isnan(training.settle(outputs)[noisy][2])


def test_without_a_floating_output_there_is_no_loss(tmp_path: pathlib.Path) -> None:
    net = "class Net(nn.Module):\n    def forward(self, x):\n        return x.argmax(), x > 0\n"
    events, stages, _ = trained(tmp_path, {"net": net, "model": "Net()", "inputs": "(torch.randn(4),)"})
    assert stages[Stage.SETUP].status is StageStatus.FAIL
    assert "no output of the model is a floating-point tensor" in error_of(events)


def test_random_numbers_that_cannot_be_switched_off_are_refused(tmp_path: pathlib.Path) -> None:
    net = "class Net(nn.Module):\n    def forward(self, x):\n        return F.dropout(x, 0.5, self.training).tanh()\n"
    events, stages, _ = trained(tmp_path, {"net": net, "model": "Net()", "inputs": "(torch.randn(4),)"})
    assert stages[Stage.IMPORT_MODEL].status is StageStatus.FAIL
    assert "draws random numbers" in error_of(events)


def test_a_loss_without_gradients_proves_nothing(tmp_path: pathlib.Path) -> None:
    model = {"model": "nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8))", "inputs": "(torch.randn(3, 8),)"}
    stages = tuple(each for each in Stage if each in (Stage.SETUP, Stage.CONSTRUCT_INPUTS, Stage.NATIVE_INFERENCE))
    file = tmp_path / "mine.py"
    file.write_text(text(model))
    job = a_job(tmp_path, file, train_case(), stages=stages)
    events, ended, _ = run(job)
    # The last normalisation's own weights have gradients of their own: only without them is there nothing left.
    assert error_of(events) == ""
    assert ended[Stage.NATIVE_INFERENCE].status is StageStatus.PASS
    bare = model | {"model": "nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8, elementwise_affine=False))"}
    second = tmp_path / "bare"
    second.mkdir()
    file = second / "mine.py"
    file.write_text(text(bare))
    events, ended, _ = run(a_job(second, file, train_case(), stages=stages))
    assert ended[Stage.NATIVE_INFERENCE].status is StageStatus.FAIL
    assert error_of(events) == NO_GRADIENT


@pytest.mark.parametrize(
    ("given", "accepted"),
    [
        (Tolerance(pcc=0.99, atol=0.02, rtol=0.0), Tolerance(pcc=0.99, relative_atol=0.02, rtol=0.0)),
        (Tolerance(relative_atol=0.5), Tolerance(relative_atol=0.5)),
        (Tolerance(), Tolerance(relative_atol=0.01)),
    ],
)
def test_an_absolute_tolerance_is_read_as_a_relative_one(given: Tolerance, accepted: Tolerance) -> None:
    assert train_case(tolerance=given).accepted == accepted
    assert a_case(tolerance=given).accepted == given

"""PyTorch models on the path onnx: what goes in and comes out is the model's own, whatever the exporter makes of it."""

from __future__ import annotations

import pathlib
from types import SimpleNamespace

import pytest

from runner.protocol import Finished, StageEnded
from schemas.case import Tuning
from schemas.record import ErrorInfo, StageResult
from schemas.words import Mode, Path, Stage, StageStatus
from tests.ort_ep_support import GOOD, NEEDS_COMPILER, provider
from tests.stages_support.cases import CPU, run
from tests.torch_support import IMPORT, NEEDS_TORCH, job_of, model

pytestmark = [NEEDS_TORCH, pytest.mark.slow]

NESTED = model(
    """\
def forward(self, pair, *, mask, unused=None, scale=2.0):
    linear = self.linear(pair[0]) * scale
    return {"linear": linear, "none": None, "nest": (pair[1], {"x": linear[:, :2] + mask}), "ones": torch.ones(3) * 2}
""",
    '{"pair": (torch.randn(2, 4), torch.arange(6)), "mask": torch.rand(2, 2), "unused": torch.randn(5)}',
    init="self.linear = nn.Linear(4, 3)",
    more="outputs_vary = False",
)


def ended(folder: pathlib.Path, text: str, **settings: object) -> tuple[dict[Stage, StageResult], Finished, str]:
    """Stages, last word, and what the error says."""
    events, stages, finished = run(job_of(folder, text, **({"path": Path.ONNX} | settings)))
    error = next(
        (each.error for each in events if isinstance(each, StageEnded) and each.error), ErrorInfo(signature="")
    )
    return stages, finished, f"{error.signature}\n{error.excerpt}".strip()


def test_nests_keywords_none_and_what_is_not_used(tmp_path: pathlib.Path) -> None:
    """An input that nothing reads, an output that is an input, one that is a constant, one called like an operator."""
    stages, finished, error = ended(tmp_path, NESTED)
    assert not error
    assert stages[Stage.COMPARISON].status is StageStatus.PASS
    found = [(each.output, each.dtype, each.shape) for each in finished.comparisons]
    assert found == [
        ("linear", "float32", (2, 3)),
        ("nest.0", "int64", (6,)),
        ("nest.1.x", "float32", (2, 2)),
        ("ones", "float32", (3,)),
    ]


def test_the_exported_file_has_the_models_own_names(tmp_path: pathlib.Path) -> None:
    import onnx  # noqa: PLC0415 - with torch

    assert not ended(tmp_path, NESTED, stages=IMPORT)[2]
    graph = onnx.load(tmp_path / "work" / "model.onnx").graph
    assert [each.name for each in graph.input] == ["pair.0", "pair.1", "mask", "unused"]
    assert [each.name for each in graph.output] == ["linear", "nest.0", "nest.1.x", "ones"]


def test_warnings_of_the_model_are_told_and_end_nothing(tmp_path: pathlib.Path) -> None:
    text = model(
        "def forward(self, x):\n    import warnings\n    warnings.warn('seen while exporting')\n    return x + 1",
        "torch.randn(3)",
    )
    with pytest.warns(UserWarning, match="seen while exporting"):
        assert not ended(tmp_path, text, stages=IMPORT)[2]


def test_complex_tensors_go_in_and_come_out_as_pairs(tmp_path: pathlib.Path) -> None:
    text = model(
        "def forward(self, z, x):\n    return z * x, (z * x).real",
        "(torch.randn(3, 2, dtype=torch.complex64), torch.randn(3, 2))",
    )
    stages, finished, error = ended(tmp_path, text)
    assert not error
    assert stages[Stage.COMPARISON].status is StageStatus.PASS
    assert [(each.dtype, each.shape) for each in finished.comparisons] == [("complex64", (3, 2)), ("float32", (3, 2))]


def test_what_is_made_of_an_attentions_layout_is_no_view_of_it(tmp_path: pathlib.Path) -> None:
    """The exporter alone fails here: it takes the reshape for a view, and then lays the attention out otherwise."""
    text = model(
        """\
def forward(self, x):
    q = x.view(4, 3, 2, 8).transpose(1, 2)
    attention = nn.functional.scaled_dot_product_attention(q, q, q, attn_mask=self.bias.expand(4, 2, 3, 3))
    return attention.transpose(1, 2).contiguous().reshape(4, 3, -1), nn.functional.scaled_dot_product_attention(q, q, q)
""",
        "torch.randn(4, 3, 16)",
        init="self.bias = nn.Parameter(torch.randn(1, 2, 3, 3))",
    )
    stages, finished, error = ended(tmp_path, text)
    assert not error
    assert stages[Stage.COMPARISON].status is StageStatus.PASS
    assert [each.shape for each in finished.comparisons] == [(4, 3, 16), (4, 2, 3, 8)]


def test_an_operator_that_has_no_onnx_is_named(tmp_path: pathlib.Path) -> None:
    text = model("def forward(self, x):\n    return torch.linalg.svd(x)[1]", "torch.randn(4, 3)")
    stages, _, error = ended(tmp_path, text, stages=IMPORT)
    assert stages[Stage.IMPORT_MODEL].status is StageStatus.FAIL
    assert error.startswith("DispatchError: No ONNX function found for <OpOverload(op='aten._linalg_svd'")


def test_what_torch_export_refuses_is_its_own_failure(tmp_path: pathlib.Path) -> None:
    text = model("def forward(self, x):\n    return x + 1 if x.sum().item() > 0 else x - 1", "torch.ones(3)")
    stages, _, error = ended(tmp_path, text, stages=IMPORT)
    assert stages[Stage.IMPORT_MODEL].status is StageStatus.FAIL
    assert "GuardOnDataDependentSymNode" in error


def test_large_weights_lie_beside_the_model_and_in_an_archive(tmp_path: pathlib.Path) -> None:
    text = model(
        "def forward(self, x):\n    return self.linear(x)",
        "torch.randn(2, 64)",
        init="self.linear = nn.Linear(64, 300)",
    )
    stages, finished, error = ended(tmp_path, text, tuning=Tuning(externalize_above=1000))
    assert not error
    assert stages[Stage.COMPARISON].status is StageStatus.PASS
    work = tmp_path / "work"
    assert (work / "model.onnx").stat().st_size < 10_000
    assert (work / "model.onnx.data").stat().st_size >= 64 * 300 * 4
    assert any(flag.startswith("--parameters=model=") for flag in finished.flags.runtime if finished.flags)
    assert any("--externalize-params" in note for note in finished.notes)


def test_a_training_step_has_no_onnx_model(tmp_path: pathlib.Path) -> None:
    text = model("def forward(self, x):\n    return x + 1", "torch.randn(3)", more="modes = ('train',)")
    stages, _, error = ended(tmp_path, text, mode=Mode.TRAIN)
    assert stages[Stage.SETUP].status is StageStatus.INFRA
    assert "mode train has no path onnx" in error
    assert "use the path torch-mlir" in error


def test_inputs_that_the_exporter_drops_or_adds_are_no_silent_matter() -> None:
    from runner.frontends.torch_onnx_export import keep_inputs  # noqa: PLC0415 - loads torch

    def graph(*names: str) -> SimpleNamespace:
        return SimpleNamespace(inputs=[SimpleNamespace(name=name) for name in names])

    keep_inputs(graph("a", "b"), ("a", "b"), ("x", "y"))
    keep_inputs(graph("a_orig", "b"), ("a", "b"), ("x", "y"))
    for there in (("a",), ("a", "b", "c"), ("b", "a")):
        with pytest.raises(ValueError, match="where the exported program has a, b for x, y"):
            keep_inputs(graph(*there), ("a", "b"), ("x", "y"))


@NEEDS_COMPILER
def test_the_exported_model_on_the_path_ort_ep(tmp_path: pathlib.Path) -> None:
    """Golden outputs are PyTorch's; the plug-in takes nodes of the operator Abs."""
    import msgspec  # noqa: PLC0415

    text = model("def forward(self, x):\n    return {'size': x.abs()}", "torch.randn(2, 3)")
    target = msgspec.structs.replace(CPU, ort_ep_library=str(provider(*GOOD)))
    stages, finished, error = ended(tmp_path, text, path=Path.ORT_EP, target=target)
    assert not error
    assert stages[Stage.COMPARISON].status is StageStatus.PASS
    assert [(each.output, each.total) for each in finished.comparisons] == [("size", 6)]
    assert finished.metrics["ep_nodes"] == 1
    assert "golden: forward" in finished.notes

"""A model that torch.export refuses is run in pieces: graphs, each compiled, joined by the model's own Python code."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from runner import lowerings
from runner.stages.plan import WHOLE
from schemas.record import CastInput
from schemas.target import InputCast
from schemas.words import Lowering, Stage, StageStatus
from tests.stages_support.cases import CPU, error_of, run
from tests.torch_support import IMPORT, NEEDS_TORCH, job_of, model

pytestmark = [NEEDS_TORCH, pytest.mark.slow]

#: A decision by a value, a counter, an operator whose result has no fixed shape: three graphs.
FORWARD = """\
def forward(self, x, scale=1.0):
    y = self.a(x) * scale
    self.steps += 1
    if y.sum() > 0:
        y = y * 2
    else:
        y = y - 3
    found = torch.nonzero(y > 0)
    z = self.b(y)
    print('between the graphs')
    return {'z': z.relu() + self.steps, 'y': (y, None), 'found': found, 'steps': self.steps}
"""
INIT = "self.a = nn.Linear(4, 4)\nself.b = nn.Linear(4, 5)\nself.register_buffer('steps', torch.zeros(1))"
BROKEN = model(FORWARD, "{'scale': 2.0, 'x': torch.randn(3, 4)}", init=INIT)


@pytest.mark.parametrize("lowering", Lowering)
def test_graphs_are_compiled_one_by_one_and_joined(tmp_path: Path, lowering: Lowering) -> None:
    job = job_of(tmp_path, BROKEN, lowering=lowering)
    events, stages, last = run(job)
    assert error_of(events) == ""
    assert list(stages) == list(WHOLE)
    found = {each.output: each for each in last.comparisons}
    assert list(found) == ["z", "y.0", "found", "steps"]
    assert all(each.passed and each.total for each in found.values())
    assert found["found"].dtype == "int64"
    assert last.metrics["graphs"] == 4
    assert last.metrics["vmfb_bytes"] > sum(1000 for _ in range(4))
    refused, broken, between = last.notes[2:]
    assert refused.startswith("torch.export refused the model: GuardOnDataDependentSymNode")
    assert broken == "Dynamo broke the model into 4 graphs, joined by its Python code"
    assert "aten.nonzero.default (1)" in between
    assert "aten.linear" not in between
    assert "aten.addmm" not in between
    work = Path(job.folder)
    assert [(work / f"g{n}" / f"g{n}.mlirbc").is_file() for n in range(5)] == [True] * 4 + [False]
    assert (lowering is not Lowering.TORCH) == bool(list(work.glob("g2.*.mlir*")))


def test_the_compiled_graphs_decide_what_comes_out(tmp_path: Path) -> None:
    """Were the graphs run by PyTorch, exchanging two compiled ones would change nothing."""
    from runner.stages import steps  # noqa: PLC0415 - what is patched

    forward = "def forward(self, x):\n    y = x * 2\n    return y * 3 if y.max() > -99 else y"
    text = model(forward, "torch.randn(4)")
    exchange = steps.iree.run_module

    def other(work: object, imported: object, compiled: Path, inputs: object, prefix: str) -> object:
        swapped = {"g0_": "g1_", "g1_": "g0_"}[prefix]
        return exchange(work, imported, compiled.with_name(f"{swapped}module.vmfb"), inputs, prefix)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steps.iree, "run_module", other)
        events, _, _ = run(job_of(tmp_path, text))
    assert error_of(events).startswith("graph 1 of ")


def test_changes_to_arguments_of_a_graph_reach_the_next(tmp_path: Path) -> None:
    forward = (
        "def forward(self, x):\n"
        "    self.cache[:, 1] = x.sum(1)\n"
        "    x.mul_(2)\n"
        "    if self.cache.sum() > -1e9:\n"
        "        self.cache[:, 2] = x[:, 0]\n"
        "    return self.cache * 1.0, x + 1\n"
    )
    text = model(forward, "torch.randn(2, 3)", init="self.register_buffer('cache', torch.zeros(2, 4))")
    events, _, last = run(job_of(tmp_path, text))
    assert error_of(events) == ""
    assert [each.shape for each in last.comparisons] == [(2, 4), (2, 3)]
    assert last.metrics["graphs"] >= 2


def test_the_same_graph_may_be_called_again(tmp_path: Path) -> None:
    forward = (
        "def step(self, x):\n"
        "    y = self.a(x).tanh()\n"
        "    return y * 2 if y.max() > -99 else -y\n"
        "def forward(self, x):\n"
        "    for _ in range(3):\n"
        "        x = self.step(x)\n"
        "    return x\n"
    )
    events, _, last = run(job_of(tmp_path, model(forward, "torch.randn(2, 4)", init="self.a = nn.Linear(4, 4)")))
    assert error_of(events) == ""
    assert last.metrics["graphs"] == 2


def test_casts_reach_the_graphs(tmp_path: Path) -> None:
    forward = "def forward(self, ids):\n    y = self.e(ids)\n    return y * 2 if y.sum() > 0 else y - 1"
    text = model(forward, "torch.randint(0, 9, (4,))", init="self.e = nn.Embedding(9, 5)")
    target = msgspec.structs.replace(CPU, input_casts=(InputCast("int64", "int32"),))
    job = job_of(tmp_path, text, target=target)
    events, _, last = run(job)
    assert error_of(events) == ""
    assert last.casts == (CastInput(input="ids", given="int64", cast="int32", golden=True),)
    assert np.load(Path(job.folder) / "g0_input_0.npy").dtype == np.int32


def test_large_weights_of_graphs_are_kept_beside_them(tmp_path: Path) -> None:
    from schemas.case import Tuning  # noqa: PLC0415 - of this test alone

    init = INIT.replace("(4, 4)", "(4, 80)").replace("(4, 5)", "(80, 50)")
    text = model(FORWARD, "{'x': torch.randn(3, 4)}", init=init)
    job = job_of(tmp_path, text, tuning=Tuning(externalize=True))
    events, _, last = run(job)
    assert error_of(events) == ""
    archives = sorted(path.parent.name for path in Path(job.folder).glob("g*/*.irpa"))
    assert len(archives) >= 2
    assert last.flags.runtime.count("--device=local-task") == 1
    assert len([flag for flag in last.flags.runtime if flag.startswith("--parameters=")]) == len(archives)


def test_a_graph_that_does_not_compile_is_named(tmp_path: Path) -> None:
    forward = "def forward(self, x):\n    y = x * 2 if x.sum() > -1e9 else x\n    return torch.linalg.svd(y).S"
    events, stages, _ = run(job_of(tmp_path, model(forward, "torch.randn(3, 3)")))
    assert list(stages)[-1] in (Stage.IMPORT_MODEL, Stage.COMPILATION)
    assert error_of(events).startswith("graph 2 of 2: ")
    assert "svd" in error_of(events)


def test_a_graph_that_is_not_lowered_is_named(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lowerings, "_TO_LINALG", "--no-such-pipeline")
        events, stages, _ = run(job_of(tmp_path, BROKEN, lowering=Lowering.LINALG))
    assert list(stages)[-1] is Stage.PREPROCESS_MODEL
    assert error_of(events).startswith("graph 1 of 4: ")


def test_a_model_that_neither_takes_fails_with_both_reasons(tmp_path: Path) -> None:
    forward = "def forward(self, x):\n    raise RuntimeError('broken in the model')"
    job = job_of(tmp_path, model(forward, "torch.randn(3)"), stages=IMPORT)
    events, stages, last = run(job)
    assert stages[Stage.IMPORT_MODEL].status is StageStatus.FAIL
    expected = "neither torch.export nor Dynamo takes the model: RuntimeError: broken in the model"
    assert error_of(events) == expected
    assert any(note.startswith("torch.export refused the model: RuntimeError") for note in last.notes)


def test_a_model_without_any_graph_is_no_pass(tmp_path: Path) -> None:
    forward = "def forward(self, x):\n    return torch.tensor([float(each) for each in x.tolist()])"
    more = (
        "def prepare(self, mode='eval'):\n"
        "    made = super().prepare(mode)\n"
        "    made.forward = torch._dynamo.disable(made.forward)\n"
        "    return made"
    )
    job = job_of(tmp_path, model(forward, "torch.randn(3)", more=more), stages=IMPORT)
    events, _, _ = run(job)
    assert "Dynamo found no graph in the model either" in error_of(events)


def test_other_graphs_than_the_imported_ones_are_refused() -> None:
    import torch  # noqa: PLC0415 - absent without the extra

    from runner.frontends import torch_graphs  # noqa: PLC0415 - loads torch
    from runner.work import Piece  # noqa: PLC0415

    class Net(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * 2 if x.sum() > 0 else x - 1

    args = (torch.ones(2),)
    captured = torch_graphs.capture(Net(), args, {})
    pieces = tuple(Piece(each.graph.digest) for each in captured.graphs)
    again = tuple(Piece(each.graph.digest) for each in torch_graphs.capture(Net(), args, {}).graphs)
    assert pieces == again

    def call(number: int, given: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        return tuple(captured.graphs[number].graph.module(*given))

    (found,) = torch_graphs.run_pieces(Net(), args, {}, pieces, call).tensors
    assert found.tolist() == [2, 2]
    with pytest.raises(ValueError, match="graph 2 of 2 is another one"):
        torch_graphs.run_pieces(Net(), (-torch.ones(2),), {}, pieces, call)
    with pytest.raises(ValueError, match="graph 1 of 2 is another one"):
        torch_graphs.run_pieces(Net(), (torch.ones(3),), {}, pieces, call)

"""PyTorch's operators run alone: each through importer, compiler and device, with PyTorch's own results."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.ops.keys import digest_of
from runner.ops.program import Place
from schemas.words import Mode
from tests.torch_support import NEEDS_TORCH, model
from tests.torch_support.walk import program_of, run_alone, verified, walker_of, work_of

pytestmark = [NEEDS_TORCH, pytest.mark.slow]

MODELS = {
    "mlp": ("return self.b(self.a(x).relu()).softmax(-1)", "torch.randn(2, 4)", "nn.Linear(4, 8)", "nn.Linear(8, 3)"),
    "cnn": (
        "return self.b(torch.nn.functional.max_pool2d(self.a(x), 2)).mean((2, 3))",
        "torch.randn(1, 3, 8, 8)",
        "nn.Conv2d(3, 4, 3, padding=1)",
        "nn.BatchNorm2d(4)",
    ),
    "attention": (
        "return self.b(x + self.a(x, x, x, need_weights=False)[0])",
        "torch.randn(1, 5, 8)",
        "nn.MultiheadAttention(8, 2, batch_first=True)",
        "nn.LayerNorm(8)",
    ),
    "several": (
        """values, places = torch.topk(x, 3)
    a, _, b = torch.split(values, 1, 1)
    picked = torch.cat([x, values], 1)[:, torch.tensor([1, 0])]
    return a + b, places, torch.max(x, 1)[0], x.sort(1)[1], picked""",
        "torch.randn(3, 6)",
        "nn.Identity()",
        "nn.Identity()",
    ),
    "types": (
        """y, z = x.to(torch.bfloat16), x > 0
    made = torch.nonzero(x), torch.arange(4) + 1, torch.full((2,), 3)
    return y * 2, torch.where(z, x, -x), x.to(torch.int32), z.any(), *made""",
        "torch.randn(3, 6)",
        "nn.Identity()",
        "nn.Identity()",
    ),
}


def unique(places: list[Place]) -> list[Place]:
    """The first place of each operation."""
    found: dict[str, Place] = {}
    for each in places:
        if each.program is not None:
            found.setdefault(digest_of(each.program.key), each)
    return list(found.values())


@pytest.mark.parametrize("name", MODELS)
def test_every_operation_of_a_model_is_right_alone(tmp_path: Path, name: str) -> None:
    body, inputs, a, b = MODELS[name]
    text = model(f"def forward(self, x):\n    {body}", inputs, init=f"self.a = {a}\nself.b = {b}")
    work = work_of(tmp_path, text)
    places = unique(list(walker_of(work).places()))
    assert len(places) >= 4
    for number, place in enumerate(places):
        program = program_of(place)
        done = run_alone(work, program, tmp_path / f"op_{number}")
        assert verified(done), (place.name, done)
        assert [(each.dtype, each.shape) for each in done.comparisons] == [
            (each.dtype, each.shape) for each in program.results
        ]


def test_a_training_steps_operations_too(tmp_path: Path) -> None:
    text = model(
        "def forward(self, x):\n    return self.b(self.a(x).relu())",
        "torch.randn(2, 4)",
        init="self.a = nn.Linear(4, 8)\nself.b = nn.Linear(8, 3)",
    )
    work = work_of(tmp_path, text, mode=Mode.TRAIN)
    for number, place in enumerate(unique(list(walker_of(work).places()))):
        assert verified(run_alone(work, program_of(place), tmp_path / f"op_{number}")), place.name


def test_a_wrong_operation_is_found_wrong(tmp_path: Path) -> None:
    """Were golden and operands not the model's, or nothing compared, this would pass."""
    work = work_of(tmp_path, model("def forward(self, x):\n    return x.exp()", "torch.randn(4)"))
    (place,) = list(walker_of(work).places())
    program = program_of(place)
    write = program.write_module

    def other(folder: Path) -> object:
        imported = write(folder)
        text = imported.module.read_text()
        assert "torch.aten.exp" in text
        imported.module.write_text(text.replace("torch.aten.exp", "torch.aten.sin"))
        return imported

    program.write_module = other  # type: ignore[method-assign, assignment] # a fault: another operator is compiled
    done = run_alone(work, program, tmp_path / "op")
    assert done.step.name == "verify"
    assert not verified(done)
    assert not done.comparisons[0].passed


def test_the_module_is_text_of_the_operator_alone(tmp_path: Path) -> None:
    work = work_of(tmp_path, model("def forward(self, x):\n    return torch.topk(x, 2)[0]", "torch.randn(3, 4)"))
    place = next(each for each in walker_of(work).places() if each.program is not None)
    imported = program_of(place).write_module(tmp_path)
    text = imported.module.read_text()
    assert imported.module.suffix == ".mlir"
    assert imported.entry.results == ("f32",)
    assert text.count("torch.aten.") == 1
    assert "func.func @main(%arg0: !torch.vtensor<[3,4],f32>) -> !torch.vtensor<[3,2],f32>" in text

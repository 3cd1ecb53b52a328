"""Weights in a parameter archive: the same outputs as inlined, each stored once, from the tensors' own memory."""

from __future__ import annotations

import hashlib
import pathlib
import subprocess
import sys
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

if find_spec("torch") is None:
    pytest.skip("torch is not installed: make install EXTRAS=torch", allow_module_level=True)

import safetensors.torch
import torch
from torch import nn

from runner.frontends.torch_flat import FlatModule, arguments_of
from runner.frontends.torch_parameters import SMALLEST, ParameterArchive, told, weight_bytes, weights_of
from runner.frontends.torch_program import export_program, import_program
from schemas.case import Case, Source, Tuning
from schemas.words import Depth, Lowering, Mode, Path, SourceKind, Stage, StageStatus
from tests.stages_support.cases import a_case, a_job, error_of, run

FLOATS = ("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu")
WHOLE = ("bool", "uint8", "int8", "int16", "int32", "uint32", "int64")
EVERY_TYPE = ("float32", "float16", "bfloat16", "float64", "complex64", *FLOATS, *WHOLE)

TIED = """
import torch
from torch import nn
from suites import ModelTester

class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(64, 48)
        self.inner = nn.Linear(48, 48)
        self.head = nn.Linear(48, 64, bias=False)
        self.head.weight = self.embed.weight
        self.register_buffer("again", self.embed.weight.detach())

    def forward(self, ids):
        return self.head(self.inner(self.embed(ids))) + (self.again @ self.again.T).sum()

class Mine(ModelTester):
    modes = ("eval", "train")

    def load_model(self):
        return Tied()

    def load_inputs(self):
        return torch.tensor([[1, 5, 7, 60]])
"""


def tied_case(**settings: Any) -> Case:
    source = Source(SourceKind.PYTHON, "mine.py:Mine")
    return a_case(path=Path.TORCH_MLIR, source=source, **settings)


def run_tied(folder: pathlib.Path, **settings: Any) -> tuple[Any, ...]:
    folder.mkdir()
    file = folder / "mine.py"
    file.write_text(TIED)
    return run(a_job(folder, file, tied_case(**settings)))


class EveryType(nn.Module):
    """A buffer of each element type, and what it is as a float."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        for name in EVERY_TYPE:
            values = (torch.randn(40, 32) * 3).abs() + 0.5
            values = values > 2 if name == "bool" else values.to(getattr(torch, name))
            self.register_buffer(f"of_{name}", values)

    def forward(self, scale: torch.Tensor) -> tuple[torch.Tensor, ...]:
        found = (getattr(self, f"of_{name}") for name in EVERY_TYPE)
        return tuple((each.real if each.is_complex() else each).to(torch.float32) * scale for each in found)


def exported(model: nn.Module, *inputs: torch.Tensor) -> Any:
    return export_program(FlatModule(model, arguments_of(model, inputs, {})), inputs)


def entries(file: pathlib.Path) -> dict[str, bytes]:
    """The contents of an archive, by IREE's own reader."""
    from iree.runtime import ParameterIndex  # noqa: PLC0415 - the only test that needs it

    index = ParameterIndex()
    index.load(str(file))
    return {name: bytes(np.array(entry.file_view)) for name, entry in index.items()}


def archived(model: nn.Module, folder: pathlib.Path, *inputs: torch.Tensor) -> dict[str, bytes]:
    """What the archive of a model holds."""
    folder.mkdir(exist_ok=True)
    imported = import_program(exported(model, *inputs), folder, ParameterArchive(folder / "model.irpa"))
    return entries(imported.parameters[1]) if imported.parameters else {}


@pytest.mark.slow
def test_outputs_are_those_of_inlined_weights(tmp_path: pathlib.Path) -> None:
    outputs = {}
    for where, externalize in (("inside", False), ("outside", True)):
        events, stages, last = run_tied(tmp_path / where, tuning=Tuning(externalize=externalize))
        assert error_of(events) == ""
        assert {result.status for result in stages.values()} == {StageStatus.PASS}
        assert any(flag.startswith("--parameters=model=") for flag in last.flags.runtime) is externalize
        assert any("parameter archive" in note for note in last.notes) is externalize
        outputs[where] = np.load(tmp_path / where / "work" / "output_0.npy")
    np.testing.assert_array_equal(outputs["inside"], outputs["outside"])
    module, outside = (tmp_path / where / "work" / "main.mlirbc" for where in ("inside", "outside"))
    weight = 64 * 48 * 4
    assert module.stat().st_size > weight
    assert outside.stat().st_size < weight


@pytest.mark.slow
def test_every_element_type_comes_back_bit_by_bit(tmp_path: pathlib.Path) -> None:
    from runner import toolchain  # noqa: PLC0415 - the only test that calls the tools itself
    from tests.stages_support.cases import CPU, HOST_CPU  # noqa: PLC0415 - likewise

    model, scale = EveryType(), torch.tensor(1.0)
    archive = ParameterArchive(tmp_path / "model.irpa")
    imported = import_program(exported(model, scale), tmp_path, archive)
    assert imported.parameters is not None
    assert set(entries(imported.parameters[1])) == {f"model.of_{name}" for name in EVERY_TYPE}
    tools = toolchain.find(None, CPU)
    compiled = tmp_path / "module.vmfb"
    flags = ("--iree-hal-target-device=local", "--iree-hal-local-target-device-backends=llvm-cpu", HOST_CPU)
    wide = "--iree-input-demote-f64-to-f32=false"  # the compiler turns them into 32 bits, but no constant of them
    subprocess.run([tools.iree_compile, imported.module, "-o", compiled, wide, *flags], check=True)
    np.save(tmp_path / "scale.npy", scale.numpy())
    outputs = [tmp_path / f"{name}.npy" for name in EVERY_TYPE]
    called = ("--function=main", "--device=local-task", f"--parameters=model={archive.file}")
    files = (f"--input=@{tmp_path / 'scale.npy'}", *(f"--output=@{each}" for each in outputs))
    subprocess.run([tools.iree_run_module, f"--module={compiled}", *called, *files], check=True)
    for name, file, expected in zip(EVERY_TYPE, outputs, model(scale), strict=True):
        np.testing.assert_array_equal(np.load(file), expected.numpy(), err_msg=name)


def test_tied_weights_are_stored_once(tmp_path: pathlib.Path) -> None:
    scope: dict[str, Any] = {}
    exec(TIED, scope)  # noqa: S102 - the text above
    model = scope["Tied"]().eval()
    held = archived(model, tmp_path / "tied", torch.tensor([[1, 2]]))
    assert sorted(map(len, held.values())) == [48 * 48 * 4, 64 * 48 * 4], "the bias is small, the rest is one weight"
    untied = scope["Tied"]().eval()
    untied.head.weight = nn.Parameter(untied.head.weight.detach().clone())
    untied.again = untied.again.clone()
    assert len(archived(untied, tmp_path / "untied", torch.tensor([[1, 2]]))) == 4
    sizes = [(tmp_path / name / "model.irpa").stat().st_size for name in ("tied", "untied")]
    assert sizes[1] - sizes[0] >= 2 * 64 * 48 * 4


def test_what_lies_otherwise_in_memory_is_stored_row_by_row(tmp_path: pathlib.Path) -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            base = torch.randn(64, 48)
            self.register_buffer("turned", base.T)
            self.register_buffer("part", base[:, 8:40])
            self.register_buffer("spread", torch.randn(48, 1).expand(48, 32))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x @ self.part.T @ self.turned.T @ self.spread

    model = Odd()
    held = archived(model, tmp_path, torch.randn(1, 32))
    for name, buffer in model.named_buffers():
        expected = buffer.contiguous().numpy().tobytes()
        assert held[f"model.{name}"] == expected, name


@pytest.mark.parametrize(("count", "outside"), [(SMALLEST // 4 - 1, False), (SMALLEST // 4, True)])
def test_small_tensors_stay_in_the_module(tmp_path: pathlib.Path, count: int, outside: bool) -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.randn(count))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * self.weight

    assert bool(archived(Scaled(), tmp_path, torch.randn(count))) is outside
    assert (tmp_path / "model.irpa").exists() is outside


def test_the_limit_is_on_the_bytes_of_all_weights_tied_ones_once(tmp_path: pathlib.Path) -> None:
    model = nn.Sequential(nn.Linear(64, 64, bias=False), nn.Linear(64, 64, bias=False))
    model[1].weight = model[0].weight
    program = exported(model, torch.randn(1, 64))
    held = 64 * 64 * 4
    assert weight_bytes(program) == held
    for above, outside in ((held - 1, True), (held, False)):
        case = tied_case(tuning=Tuning(externalize_above=above))
        assert (weights_of(case, program, tmp_path) is not None) is outside
    assert weights_of(tied_case(tuning=Tuning(externalize=True)), program, tmp_path) is not None
    assert weights_of(tied_case(tuning=Tuning(externalize=False, externalize_above=0)), program, tmp_path) is None


@pytest.mark.parametrize("lowering", [Lowering.LINALG, Lowering.STABLEHLO])
def test_other_lowerings_keep_weights_in_the_module_and_say_so(tmp_path: pathlib.Path, lowering: Lowering) -> None:
    program = exported(nn.Linear(64, 64), torch.randn(1, 64))
    case = tied_case(tuning=Tuning(externalize=True), lowering=lowering)
    assert weights_of(case, program, tmp_path) is None
    imported = import_program(program, tmp_path)
    (note,) = told(case, program, imported)
    assert str(lowering) in note
    assert told(tied_case(), program, imported) == ()


def test_mapped_files_are_not_copied(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "weights.safetensors"
    safetensors.torch.save_file({"weight": torch.randn(64, 64), "bias": torch.randn(64)}, file)
    model = nn.Linear(64, 64)
    model.load_state_dict(safetensors.torch.load_file(file), assign=True)
    archive = ParameterArchive(tmp_path / "model.irpa")
    added: list[int] = []

    class Index:
        """Where the archive's bytes are taken from."""

        def add_buffer(self, _name: str, buffer: Any) -> None:
            added.append(buffer.ctypes.data)

        def create_archive_file(self, _file: str) -> None:
            """Nothing is written here."""

    archive._index = Index()
    import_program(exported(model, torch.randn(1, 64)), tmp_path, archive)
    assert added == [model.weight.data_ptr()]


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes_in_another_process(tmp_path: pathlib.Path) -> None:
    script = (
        "import pathlib, sys; sys.path.insert(0, '.')\n"
        "from tests.test_torch_parameters import import_tied\n"
        "import_tied(pathlib.Path(sys.argv[1]), 7)\n"
    )
    folder = tmp_path / "here"  # the module names the lines of the model's file
    found = []
    for number in range(2):
        subprocess.run([sys.executable, "-c", script, str(folder)], check=True)
        found.append(digests(folder))
        folder.rename(tmp_path / str(number))
    assert found[0] == found[1]
    import_tied(folder, 8)
    assert digests(folder)["model.irpa"] != found[0]["model.irpa"]


def import_tied(folder: pathlib.Path, seed: int) -> None:
    events, _, _ = run_tied(folder, tuning=Tuning(externalize=True), depth=Depth.IMPORT, seed=seed)
    assert error_of(events) == ""


def digests(folder: pathlib.Path) -> dict[str, str]:
    names = ("model.irpa", "main.mlirbc")
    return {name: hashlib.sha256((folder / "work" / name).read_bytes()).hexdigest() for name in names}


@pytest.mark.slow
def test_a_training_step_takes_its_weights_from_an_archive(tmp_path: pathlib.Path) -> None:
    events, stages, last = run_tied(tmp_path / "train", tuning=Tuning(externalize=True), mode=Mode.TRAIN)
    assert error_of(events) == ""
    assert stages[Stage.COMPARISON].status is StageStatus.PASS
    assert [each.output for each in last.comparisons] == [
        "loss",
        "grad.embed.weight",
        "grad.inner.weight",
        "grad.inner.bias",
    ]
    held = entries(tmp_path / "train" / "work" / "model.irpa")
    assert sorted(map(len, held.values())) == [48 * 48 * 4, 64 * 48 * 4]

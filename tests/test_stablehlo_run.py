"""A file of MLIR as a model on the path `direct`: inputs, golden, verdicts, and what is wrong with a file."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import pytest

from runner.frontends import stablehlo_reference
from runner.frontends.stablehlo import MlirFrontend
from runner.frontends.stablehlo_types import functions_of, shape_of
from schemas.errors import InfraError
from schemas.words import Depth, Stage, StageStatus
from tests.stablehlo_support import MODELS, NEEDS_JAXLIB, case_of, function, job_of, write
from tests.stages_support.cases import a_job, error_of, run

TWICE = function(
    "%0 = stablehlo.add %x, %x : tensor<4xf32>\nreturn %0 : tensor<4xf32>", "%x: tensor<4xf32>", "tensor<4xf32>"
)
MATH = function("%0 = math.absf %x : tensor<4xf32>\nreturn %0 : tensor<4xf32>", "%x: tensor<4xf32>", "tensor<4xf32>")


def frontend_of(folder: pathlib.Path, text: str, **settings: Any) -> MlirFrontend:
    frontend = MlirFrontend(job_of(folder, write(folder / "source", text), **settings))
    frontend.setup()
    return frontend


def store(file: pathlib.Path, **arrays: Any) -> None:
    folder = file.with_name(f"{file.stem}.data")
    folder.mkdir()
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)


@NEEDS_JAXLIB
@pytest.mark.slow
@pytest.mark.parametrize("model", sorted(path.stem for path in MODELS.glob("*.mlir")))
def test_the_models_of_this_repository_pass_on_the_cpu(tmp_path: pathlib.Path, model: str) -> None:
    events, stages, last = run(job_of(tmp_path, MODELS / f"{model}.mlir"))
    assert error_of(events) == ""
    assert stages[Stage.COMPARISON].status is StageStatus.PASS
    assert last.comparisons
    assert all(each.passed and each.total for each in last.comparisons)
    assert "golden: the StableHLO reference interpreter" in last.notes


@NEEDS_JAXLIB
def test_a_wrong_expected_output_fails_at_the_comparison(tmp_path: pathlib.Path) -> None:
    file = write(tmp_path / "source", TWICE)
    store(file, output_0=np.full(4, 7, np.float32))
    events, stages, last = run(job_of(tmp_path, file))
    assert stages[Stage.COMPARISON].status is StageStatus.FAIL
    assert last.comparisons[0].mismatched == 4
    assert error_of(events) != ""


def test_stored_values_are_taken_and_need_no_interpreter(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stablehlo_reference, "is_installed", lambda: False)
    file = write(tmp_path / "source", MATH)
    given = np.array([1, -2, 3, -4], np.float32)
    store(file, input_0=given, output_0=np.abs(given))
    events, stages, last = run(job_of(tmp_path, file, load_inputs=True))
    assert error_of(events) == ""
    assert stages[Stage.COMPARISON].status is StageStatus.PASS
    assert last.notes == ()
    names = [path.name for path in MlirFrontend(job_of(tmp_path / "b", file)).source_files()]
    assert names == ["m.mlir", "input_0.npy", "output_0.npy"]


def test_to_the_depth_compile_no_interpreter_is_needed(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stablehlo_reference, "is_installed", lambda: False)
    job = a_job(tmp_path, write(tmp_path / "source", MATH), case_of(depth=Depth.COMPILE))
    events, stages, _ = run(job)
    assert error_of(events) == ""
    assert stages[Stage.COMPILATION].status is StageStatus.PASS


def test_other_dialects_have_no_golden_unless_it_is_stored(tmp_path: pathlib.Path) -> None:
    frontend = frontend_of(tmp_path, MATH)
    with pytest.raises(InfraError, match=r"operations of math.*\n.*m\.data/output_0\.npy"):
        frontend.native_inference(frontend.construct_inputs())


def test_inputs_are_seeded_by_the_types_of_the_arguments(tmp_path: pathlib.Path) -> None:
    inputs = (
        "%a: tensor<50xf32>, %b: tensor<50xi32>, %c: tensor<50xi1>, %d: tensor<?x2xbf16>, %e: tensor<50xcomplex<f32>>"
    )
    text = function("return %a : tensor<50xf32>", f"{inputs}, %f: tensor<50xi2>", "tensor<50xf32>")
    first, again = (frontend_of(tmp_path / name, text).construct_inputs() for name in "ab")
    assert [each.dtype.name for each in first] == ["float32", "int32", "bool", "bfloat16", "complex64", "int2"]
    assert first[3].shape == (1, 2)
    assert set(first[1].tolist()) <= set(range(10))
    assert abs(first[0].mean()) < 1
    assert all((one == other).all() for one, other in zip(first, again, strict=True))


@pytest.mark.parametrize(
    ("name", "array", "said"),
    [
        ("input_0", np.zeros(3, np.float32), "input_0.npy holds 3xfloat32, the function says tensor<4xf32>"),
        ("input_0", np.zeros(4), "holds 4xfloat64"),
        ("input_1", np.zeros(4, np.float32), ""),
    ],
)
def test_stored_values_must_fit(tmp_path: pathlib.Path, name: str, array: Any, said: str) -> None:
    file = write(tmp_path / "source", TWICE)
    store(file, **{name: array})
    frontend = MlirFrontend(job_of(tmp_path, file))
    frontend.setup()
    if said:
        with pytest.raises(ValueError, match=said):
            frontend.construct_inputs()
    else:
        assert len(frontend.construct_inputs()) == 1, "numbers of files need not begin with 0"


def test_load_inputs_needs_stored_inputs(tmp_path: pathlib.Path) -> None:
    with pytest.raises(InfraError, match=r"m\.data as input_0\.npy"):
        frontend_of(tmp_path, TWICE, load_inputs=True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("func.func @a() { return }\nfunc.func @b() { return }", "public are: @a, @b"),
        ("func.func private @a() { return }", "public are: none"),
    ],
)
def test_it_must_be_clear_which_function_is_meant(tmp_path: pathlib.Path, text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        frontend_of(tmp_path, text)


def test_main_is_meant_among_several_public_functions(tmp_path: pathlib.Path) -> None:
    other = "func.func public @other(%x: tensor<2xf32>) { return }"
    frontend = frontend_of(tmp_path, function("return %x : tensor<4xf32>", "%x: tensor<4xf32>", "tensor<4xf32>", other))
    assert [each.shape for each in frontend.construct_inputs()] == [(4,)]
    assert frontend.import_model(tmp_path).entry.name == "main"


def test_what_is_no_mlir_fails_at_setup(tmp_path: pathlib.Path) -> None:
    events, stages, _ = run(job_of(tmp_path, write(tmp_path / "source", "func.func @main( {")))
    assert stages[Stage.SETUP].status is StageStatus.FAIL
    assert error_of(events) == "expected non-function type"


@pytest.mark.parametrize(
    ("text", "element", "sizes"),
    [
        ("tensor<f32>", "f32", ()),
        ("tensor<2x?xcomplex<f32>>", "complex<f32>", (2, None)),
        ("tensor<3xui8, #stablehlo.bounds<4>>", "ui8", (3,)),
        ("tensor<2x!quant.uniform<i8:f32, 1.0>>", "!quant.uniform<i8:f32", (2,)),
    ],
)
def test_tensor_types_are_taken_apart(text: str, element: str, sizes: tuple[int | None, ...]) -> None:
    shape = shape_of(text)
    assert shape is not None
    assert (shape.element, shape.sizes) == (element, sizes)
    assert shape.has_values is not element.startswith("!")


@pytest.mark.parametrize("text", ["tensor<*xf32>", "index", "tuple<tensor<f32>>", "!stablehlo.token"])
def test_other_types_are_no_tensors(text: str) -> None:
    shape = shape_of(text)
    assert shape is None or not shape.has_values


def test_functions_of_a_portable_artifact_have_the_types_of_stablehlo(tmp_path: pathlib.Path) -> None:
    text = """vhlo.func_v1 @main(
      %x: !vhlo.tensor_v1<2x!vhlo.bool_v1>, %y: !vhlo.tensor_v1<!vhlo.complex_v1<!vhlo.f32_v1>>)
      -> (!vhlo.tensor_v1<2x!vhlo.bool_v1>) {
      "vhlo.return_v1"(%x) : (!vhlo.tensor_v1<2x!vhlo.bool_v1>) -> ()
    } {arg_attrs = #vhlo.array_v1<[]>, res_attrs = #vhlo.array_v1<[]>, sym_visibility = #vhlo.string_v1<"">}
    """
    frontend = frontend_of(tmp_path, text)
    (found,) = functions_of(frontend._module)
    assert found.inputs == ("tensor<2xi1>", "tensor<complex<f32>>")
    assert found.results == ("tensor<2xi1>",)
    assert found.public

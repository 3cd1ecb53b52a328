"""Our own tests in other suites' formats: NumPy agrees with what they expect, and every kind is in its lists."""

from __future__ import annotations

import pathlib
import subprocess

import numpy as np
import pytest

from runner.toolchain import find
from schemas.imported import Definition
from schemas.words import Depth
from suites import workspace
from tests.imported_support.own import EXPECTED, FOLDER

SUITES = FOLDER.parent


@pytest.mark.parametrize("path", EXPECTED, ids=lambda path: path.relative_to(FOLDER).as_posix())
def test_what_is_expected_is_what_numpy_computes(path: pathlib.Path) -> None:
    want, made = np.load(path), EXPECTED[path]()
    assert (want.dtype, want.shape) == (made.dtype, made.shape)
    np.testing.assert_allclose(made, want, rtol=1e-5, atol=2e-5)
    assert np.abs(want).max() > 0.5, "thresholds of 1e-4 say something"


def test_every_file_of_arrays_has_a_reference() -> None:
    assert {path for path in FOLDER.rglob("*.npy") if path.name != "x.npy"} == set(EXPECTED)


def definitions(suite: str, target: str) -> dict[str, tuple[Definition, Depth]]:
    cases = workspace.load(SUITES).suite(suite).cases_for(target)
    return {each.model: (each.definition, each.depth) for each in cases if each.definition is not None}


@pytest.mark.parametrize(
    ("suite", "target", "kinds"),
    [
        ("nightly-execute", "cpu", {"quality": 5}),
        ("nightly-execute", "vmvx", {"quality": 3}),
        ("nightly-execute", "vulkan-lavapipe", {}),
        ("nightly-benchmark", "cpu", {"benchmark": 5, "compstat": 3}),
        ("e2e-compile", "amd-mi300", {"compstat": 3, "quality": 2, "benchmark": 2}),
        ("e2e-compile", "amd-rdna3", {"compstat": 3, "quality": 2, "benchmark": 2}),
    ],
)
def test_the_lists_have_every_kind(suite: str, target: str, kinds: dict[str, int]) -> None:
    found = [str(each.type) for each, _ in definitions(suite, target).values()]
    assert {kind: found.count(kind) for kind in set(found)} == kinds


@pytest.mark.parametrize(("target", "sku"), [("amd-mi300", "mi300"), ("amd-rdna3", "rx7900")])
def test_each_sku_has_its_tuner_file_and_its_goldens(target: str, sku: str) -> None:
    found = definitions("e2e-compile", target)
    quality, depth = found["iree/sharktank/quality_tests/denoiser/denoise_rocm"]
    assert depth is Depth.COMPILE
    assert quality.modules[0].library == f"iree/sharktank_models/files/tuner_{sku}.mlir"
    assert [each.name for each in quality.modules] == ["model", "pipeline_model"]
    benchmark, _ = found["iree/sharktank/benchmarks/denoiser/step_rocm"]
    assert {each.where.rpartition("#")[2] for each in benchmark.goldens} == {sku}


@pytest.mark.parametrize(
    ("chip", "sku", "tile"), [("gfx942", "mi300", "[16, 16, 0]"), ("gfx1100", "rx7900", "[4, 32, 0]")]
)
def test_a_tuner_file_decides_on_the_tiles(tmp_path: pathlib.Path, chip: str, sku: str, tile: str) -> None:
    files, made = FOLDER / "sharktank_models" / "files", tmp_path / "made.mlir"
    flags = ["--iree-hal-target-device=hip", f"--iree-rocm-target={chip}", "--compile-to=executable-configurations"]
    command = [
        find(None, workspace.load(SUITES).target("amd-mi300")).iree_compile,
        str(files / "step.mlir"),
        *flags,
        "-o",
        str(made),
    ]
    library = f"--iree-codegen-transform-dialect-library={files / f'tuner_{sku}.mlir'}"
    for more, decides in (([], False), ([library], True)):
        subprocess.run([*command, *more], check=True, capture_output=True)
        assert (f"workgroup = {tile}" in made.read_text()) is decides


def test_goldens_of_times_leave_room_for_any_machine() -> None:
    times = [
        golden
        for each, _ in definitions("nightly-benchmark", "cpu").values()
        for golden in each.goldens
        if golden.name == "golden_time_ms"
    ]
    assert times
    assert min(each.factor for each in times) >= 100

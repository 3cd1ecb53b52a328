"""sharktank_models: every field of quality tests and benchmarks, for chips and SKUs, from manifest to record."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import pytest

from schemas.case import Case
from schemas.imported import ArgumentFile, Definition, FileWeights, GoldenKind, SplatWeights
from schemas.words import Depth, Outcome, Stage
from tests.imported_support.modules import PIPELINE, SCALED, TUNER, write_archive
from tests.imported_support.suite import CPU_FLAGS, Folder, entry

HIP_FLAGS = ["--iree-hal-target-device=hip", "--iree-opt-level=O3"]
QUALITY = {
    "inputs": [{"source": "https://example.org/in.bin", "value": "4xf32"}, {"source": "in.npy"}],
    "outputs": [{"source": "out.bin", "value": "4xf32"}],
    "device": "hip",
    "mlir": "https://example.org/model.mlir",
    "compiler_flags": HIP_FLAGS,
    "threshold_args": ["--expected_f16_threshold=1.0f"],
    "run_function": "main",
}
BENCHMARK = {
    "inputs": ["4xf32", "4xf32"],
    "function_run": "main",
    "benchmark_flags": ["--benchmark_repetitions=2"],
    "device": "hip",
    "golden_time_tolerance_multiplier": {"mi250": 1.3},
    "golden_time_ms": {"mi250": 9.0, "mi300": 7.65},
    "golden_dispatch": {"mi300": 792},
    "golden_size": {"mi300": 460000},
}


def hip(root: pathlib.Path, files: dict[str, dict[str, Any]], **settings: str) -> Folder:
    made = Folder(root, entry("theirs", "sharktank", **settings), targets="mi300, mi250")
    for name, content in files.items():
        made.write(f"theirs/{name}", content)
    return made


def definition(case: Case) -> Definition:
    assert case.definition is not None
    return case.definition


def test_the_fields_of_a_quality_test(tmp_path: pathlib.Path) -> None:
    more = {
        "real_weights": "https://example.org/w.irpa",
        "custom_real_weights_group": "other",
        "pipeline_mlir": "pipe.mlir",
        "pipeline_compiler_flags": ["--verify=false"],
        "add_pipeline_module": True,
        "tuner_file": {"mi250": "tuned.mlir"},
    }
    made = hip(tmp_path, {"sdxl/unet_rocm.json": QUALITY | more, "sdxl/plain_rocm.json": QUALITY})
    whole = definition(made.cases("mi300")["sharktank/sdxl/unet_rocm"])
    model, pipeline = whole.modules
    assert model.source == "https://example.org/model.mlir"
    assert model.flags == (*HIP_FLAGS, "--iree-rocm-target=gfx942")
    assert (pipeline.source, pipeline.flags) == ("theirs/pipe.mlir", ("--verify=false", "--iree-rocm-target=gfx942"))
    assert (model.library, whole.loaded) == ("", 2)
    assert whole.weights == (FileWeights("https://example.org/w.irpa", "model"),)
    assert whole.inputs == (ArgumentFile("4xf32", "https://example.org/in.bin"), ArgumentFile("", "theirs/in.npy"))
    assert whole.expected == (ArgumentFile("4xf32", "theirs/out.bin"),)
    assert (whole.device, whole.function, whole.run_flags) == ("hip", "main", ("--expected_f16_threshold=1.0f",))
    mi250 = made.cases("mi250")
    tuned = definition(mi250["sharktank/sdxl/unet_rocm"])
    assert tuned.modules[0].library == "theirs/tuned.mlir"
    assert tuned.modules[0].flags[-1] == "--iree-rocm-target=gfx90a"
    plain = definition(mi250["sharktank/sdxl/plain_rocm"])
    assert plain.weights == (SplatWeights("https://example.org/model.mlir", "model"),)
    case = mi250["sharktank/sdxl/unet_rocm"]
    assert set(case.files) == {f"https://example.org/{name}" for name in ("model.mlir", "w.irpa", "in.bin")}
    assert case.tags == ("quality", "sdxl", "rocm", "hip")


def test_what_is_expected_of_chips_and_runs(tmp_path: pathlib.Path) -> None:
    made = hip(
        tmp_path,
        {
            "m/chip_rocm.json": QUALITY | {"compile_chip_expecting_to_fail": ["gfx90a"]},
            "m/run_rocm.json": QUALITY | {"run_test_expecting_to_fail": True},
            "m/only_rocm.json": QUALITY | {"compile_only": True},
        },
    )
    mi300, mi250 = made.cases("mi300"), made.cases("mi250")
    assert mi300["sharktank/m/chip_rocm"].expectation is None
    chip, run = mi250["sharktank/m/chip_rocm"].expectation, mi250["sharktank/m/run_rocm"].expectation
    assert chip is not None
    assert chip.anyhow == (Stage.COMPILATION,)
    assert run is not None
    assert Stage.COMPARISON in run.anyhow
    assert Stage.COMPILATION not in run.anyhow
    assert mi300["sharktank/m/only_rocm"].depth is Depth.COMPILE


def test_the_fields_of_a_benchmark(tmp_path: pathlib.Path) -> None:
    pipeline = {
        "compilation_required": True,
        "mlir_file_name": "bench.mlir",
        "compiled_file_name": "whole",
        "compile_flags": ["--iree-hal-target-backends=rocm"],
        "modules": ["sdxl_clip", "sdxl_vae"],
        "specific_chip_to_ignore": ["gfx90a"],
    }
    made = hip(
        tmp_path,
        {
            "quality/sdxl/clip_rocm.json": QUALITY | {"real_weights": "https://example.org/clip/real_weights.irpa"},
            "quality/sdxl/vae_rocm.json": QUALITY | {"real_weights": "vae/real_weights.irpa"},
            "bench/sdxl/clip_rocm.json": BENCHMARK | {"real_weights_file_name": "other.irpa"},
            "bench/sdxl/e2e_rocm.json": BENCHMARK | pipeline,
            "bench/sdxl/lost_rocm.json": BENCHMARK | {"benchmark_repetitions": 10, "benchmark_flags": []},
        },
        external_file_directory="theirs",
    )
    mi300, mi250 = made.cases("mi300"), made.cases("mi250")
    clip = definition(mi300["sharktank/bench/sdxl/clip_rocm"])
    assert [(each.name, each.source) for each in clip.modules] == [("sdxl_clip", "https://example.org/model.mlir")]
    assert clip.weights == (FileWeights("https://example.org/clip/other.irpa", "model"),)
    assert clip.inputs == (ArgumentFile("4xf32"), ArgumentFile("4xf32"))
    assert {each.kind: (each.name, each.value, each.factor) for each in clip.goldens} == {
        GoldenKind.TIME: ("golden_time_ms", 7.65, 1.1),  # no multiplier for mi300: their tool would crash
        GoldenKind.DISPATCHES: ("golden_dispatch", 792, 1.0),
        GoldenKind.SIZE: ("golden_size", 460000, 1.0),
    }
    (time,) = definition(mi250["sharktank/bench/sdxl/clip_rocm"]).goldens
    assert (time.value, time.factor) == (9.0, 1.3)
    whole = definition(mi300["sharktank/bench/sdxl/e2e_rocm"])
    assert [each.name for each in whole.modules] == ["sdxl_clip", "sdxl_vae", "whole"]
    assert whole.modules[-1].flags == ("--iree-hal-target-backends=rocm", "--iree-rocm-target=gfx942")
    assert [each.scope for each in whole.weights] == ["model", "model"]
    ignored = mi250["sharktank/bench/sdxl/e2e_rocm"].skip
    assert ignored is not None
    assert "gfx90a" in ignored.detail
    lost = mi300["sharktank/bench/sdxl/lost_rocm"]
    assert lost.skip is not None
    assert "no quality test sdxl_lost for rocm" in lost.skip.detail
    assert definition(lost).run_flags == ("--benchmark_repetitions=10",)


BASE = {
    "inputs": [{"source": "in.bin", "value": "4xf32"}],
    "outputs": [{"source": "out3.bin", "value": "4xf32"}],
    "device": "local-task",
    "mlir": "scaled.mlir",
    "compiler_flags": list(CPU_FLAGS),
    "real_weights": "w.irpa",
    "run_function": "main",
}
TWICE = {
    "pipeline_mlir": "pipe.mlir",
    "pipeline_compiler_flags": list(CPU_FLAGS),
    "add_pipeline_module": True,
    "run_function": "twice",
    "outputs": [{"source": "out9.bin", "value": "4xf32"}],
    "tuner_file": {"cpu": "tuned.mlir"},
}
WRONG = {"outputs": [{"source": "out9.bin", "value": "4xf32"}]}
TIMES = {
    "inputs": ["4xf32=1"],
    "function_run": "twice",
    "benchmark_flags": ["--benchmark_repetitions=2", "--benchmark_min_time=0.01s"],
    "device": "local-task",
    "compilation_required": True,
    "mlir_file_name": "pipe.mlir",
    "compiled_file_name": "pipe",
    "compile_flags": list(CPU_FLAGS),
    "modules": ["m_scaled"],
    "golden_time_ms": {"cpu": 1e9},
    "golden_size": {"cpu": 10},
}
FILES: dict[str, dict[str, Any]] = {
    "m/scaled_cpu": BASE,
    "m/twice_cpu": BASE | TWICE,
    "m/splat_cpu": BASE | {"real_weights": None, "outputs": [{"source": "out0.bin", "value": "4xf32"}]},
    "m/fails_cpu": BASE | WRONG | {"run_test_expecting_to_fail": True},
    "m/fixed_cpu": BASE | {"run_test_expecting_to_fail": True},
    "m/only_cpu": BASE | {"compile_only": True, "mlir": "scaled.mlir"},
    "bench/m/twice_cpu": TIMES,
}


def on_cpu(root: pathlib.Path) -> Folder:
    """A suite that runs here: its definitions, modules, inputs, outputs and weights."""
    made = Folder(root, entry("theirs", "sharktank"))
    for name, module in (("scaled", SCALED), ("pipe", PIPELINE), ("tuned", TUNER)):
        made.write(f"theirs/{name}.mlir", module)
    values = np.array([1, 2, 3, 4], np.float32)
    made.write("theirs/in.bin", values.tobytes())
    for factor in (3, 9, 0):
        made.write(f"theirs/out{factor}.bin", (factor * values).tobytes())
    write_archive(made.suites / "theirs" / "w.irpa", {"s": np.full(4, 3, np.float32)})
    for name, content in FILES.items():
        made.write(f"theirs/{name}.json", content)
    return made


@pytest.mark.slow
def test_quality_tests_and_their_benchmark_run(tmp_path: pathlib.Path) -> None:
    made = on_cpu(tmp_path)
    records = {name.removeprefix("sharktank/"): each for name, each in made.run(code=1).items()}
    assert {name: (each.outcome, each.exit_status) for name, each in records.items()} == {
        "m/scaled_cpu": (Outcome.PASS, "PASS"),
        "m/twice_cpu": (Outcome.PASS, "PASS"),
        "m/splat_cpu": (Outcome.PASS, "PASS"),
        "m/fails_cpu": (Outcome.XFAIL, "Numerics"),
        "m/fixed_cpu": (Outcome.XPASS, "PASS"),
        "m/only_cpu": (Outcome.PASS, "PASS"),
        "bench/m/twice_cpu": (Outcome.FAIL, Stage.BENCHMARK),
    }
    twice_ = records["m/twice_cpu"]
    assert (
        twice_.metrics["vmfb_bytes"] == twice_.metrics["vmfb_bytes/model"] + twice_.metrics["vmfb_bytes/pipeline_model"]
    )
    assert twice_.flags is not None
    assert any(each.startswith("--iree-codegen-transform-dialect-library=") for each in twice_.flags.compiler)
    missed = records["bench/m/twice_cpu"]
    assert missed.error is not None
    assert missed.error.signature == "missed golden_size"
    assert missed.metrics["repetitions"] == 2

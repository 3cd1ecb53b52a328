"""Every field of every format that is read here, declared once; docs/imported-suites.md explains each."""

from __future__ import annotations

from typing import Any

import msgspec

from schemas.imported import TestType
from suites.fields import Field, Keys, Kind


def _text(doc: str, example: str, **rest: Any) -> Field:
    return Field(kind=Kind.TEXT, doc=doc, example=example, **rest)


def _texts(doc: str, example: str, **rest: Any) -> Field:
    return Field(kind=Kind.TEXTS, doc=doc, example=[example], empty=True, repeated=True, **rest)


def _number(doc: str, example: float, **rest: Any) -> Field:
    return Field(kind=Kind.NUMBER, doc=doc, example=example, minimum=0, **rest)


def _flag(doc: str) -> Field:
    return Field(kind=Kind.FLAG, doc=doc, example=True)


def _entries(doc: str, keys: Keys, **rest: Any) -> Field:
    return Field(kind=Kind.ENTRIES, doc=doc, keys=keys, empty=True, **rest)


def _by_name(doc: str, item: Field) -> Field:
    return Field(kind=Kind.NAMED, doc=doc, item=item, example={"mi300": item.example})


FLAGS = _texts("Flags of the compiler, given as they are.", "--iree-opt-level=O3")
RUN_FLAGS = _texts("Flags of the runtime, given as they are.", "--device=local-task")

MODULE_FILE: Keys = {
    "mlir": _text("The MLIR: an address, or a path from the folder of external files.", "model.mlir", required=True),
    "compiler_flags": msgspec.structs.replace(FLAGS, required=True),
}

ARGUMENT: Keys = {
    "url": _text("A file: an address, or a path from the folder of external files.", "input.0.bin"),
    "value": _text("A literal value, a type, or @file.", "1x64xi64", empty=True),
}
_ARGUMENTS = _entries("Arguments of the function, in order.", ARGUMENT)

WEIGHTS: Keys = {
    "type": _text("Where the weights come from.", "url", choices=("url", "random", "splat"), required=True),
    "scope": _text("The parameters' scope.", "model", empty=True, required=True),
    "url": _text("The archive, for `url`.", "weights.irpa"),
    "module": _text("The module whose parameters are made up, for `random` and `splat`.", "modules/clip"),
    "seed": Field(kind=Kind.INTEGER, doc="For `random`.", example=42, minimum=0, maximum=2**64 - 1),
}

TEST: Keys = {
    "type": _text("What is tested.", "quality", choices=tuple(TestType), required=True),
    "markers": _texts("Words to select by.", "cpu", required=True),
}
_RUN: Keys = {
    **TEST,
    "modules": Field(
        kind=Kind.TEXT_OR_TEXTS, doc="Module definitions, in the order of loading.", example=["modules/clip"],
        repeated=True, required=True,
    ),
    "weights": _entries("Parameter archives.", WEIGHTS),
    "inputs": _ARGUMENTS,
    "outputs": _entries("Where results are written (`--output=`).", ARGUMENT),
    "expected_outputs": _entries("What is expected, in order.", ARGUMENT),
    "run_args": RUN_FLAGS,
}  # fmt: skip
QUALITY: Keys = _RUN
BENCHMARK: Keys = {
    **_RUN,
    "golden_time_ms": _number("The least time of all samples may be this times the factor.", 150.0),
    "tolerance_factor": _number("1.1 where not given.", 1.1),
}
COMPSTAT: Keys = {
    **TEST,
    "module": Field(kind=Kind.TEXT_OR_TEXTS, doc="The one module.", example="modules/clip", required=True),
    "golden_dispatch_count": _number("The most dispatches.", 792),
    "golden_binary_size": _number("The largest size of the compiled module, bytes.", 460000),
}

_SOURCED: Keys = {
    "source": _text("An address, or a path from the folder of external files.", "input.0.bin", required=True),
    "value": _text("Its type.", "1x64xi64", empty=True),
}
SHARKTANK_QUALITY: Keys = {
    "inputs": _entries("Inputs, in order.", _SOURCED),
    "outputs": _entries("Expected outputs, in order.", _SOURCED),
    "real_weights": _text("The archive of the scope `model`; without it the weights are splat.", "weights.irpa"),
    "custom_real_weights_group": _text("Folder that their tool keeps the weights in.", "sdxl_clip"),
    "mlir": _text("The MLIR.", "model.mlir", required=True),
    "pipeline_mlir": _text("A second module.", "pipeline.mlir"),
    "device": _text("The device's URI.", "hip"),
    "compiler_flags": FLAGS,
    "pipeline_compiler_flags": FLAGS,
    "threshold_args": RUN_FLAGS,
    "run_function": _text("The function.", "main"),
    "run_test_expecting_to_fail": _flag("Running is expected to fail."),
    "compile_chip_expecting_to_fail": _texts("Chips for which compiling is expected to fail.", "gfx90a"),
    "compile_only": _flag("Nothing is run."),
    "add_pipeline_module": _flag("The second module is loaded as well."),
    "tuner_file": _by_name("Tuner file by SKU.", _text("A file of the external folder.", "tuned_mi308.mlir")),
}
_PER_SKU = _number("The figure.", 7.65)
SHARKTANK_BENCHMARK: Keys = {
    "inputs": _texts("Types or values, in order.", "1x64xi64"),
    "function_run": _text("The function.", "main"),
    "benchmark_flags": RUN_FLAGS,
    "benchmark_repetitions": _number("Repetitions.", 10),
    "benchmark_min_warmup_time": _number("Seconds.", 3.0),
    "device": _text("The device's URI.", "hip"),
    "golden_time_tolerance_multiplier": _by_name("Factors by SKU; 1.1 where not given.", _number("Factor.", 1.1)),
    "golden_time_ms": _by_name("Times by SKU.", _PER_SKU),
    "golden_dispatch": _by_name("Dispatches by SKU.", _PER_SKU),
    "golden_size": _by_name("Bytes by SKU.", _PER_SKU),
    "specific_chip_to_ignore": _texts("Chips on which it is not run.", "gfx90a"),
    "real_weights_file_name": _text("Name of the archive beside the quality test's.", "real_weights.irpa"),
    "compilation_required": _flag("`mlir_file_name` is compiled first."),
    "compiled_file_name": _text("Name of the compiled module.", "sdxl_full_pipeline"),
    "compile_flags": FLAGS,
    "mlir_file_name": _text("A file of the external folder.", "pipeline.mlir"),
    "modules": _texts("Quality tests, as folder_test, whose modules are loaded first.", "sdxl_clip"),
}

OPS_CONFIG: Keys = {
    "config_name": _text("Its name.", "cpu_llvm_sync", required=True),
    "iree_compile_flags": msgspec.structs.replace(FLAGS, required=True),
    "iree_run_module_flags": msgspec.structs.replace(RUN_FLAGS, required=True),
    "skip_compile_tests": _texts("Tests that are left out.", "onnx/node/generated/test_abs"),
    "skip_run_tests": _texts("Tests that are only compiled.", "onnx/node/generated/test_abs"),
    "expected_compile_failures": _texts("Tests that do not compile.", "onnx/node/generated/test_abs"),
    "expected_run_failures": _texts("Tests that compile and do not run well.", "onnx/node/generated/test_abs"),
}
TORCH_OPS_CONFIG: Keys = {
    **OPS_CONFIG,
    "golden_times_ms": _by_name("Times of benchmarks by test.", _number("Milliseconds.", 0.25)),
    "tolerance_factor": _number("1.1 where not given.", 1.1),
}
_FORMULA: Keys = {
    "shape": Field(kind=Kind.INTEGERS, doc="Sizes.", example=[64, 64], minimum=0, empty=True, repeated=True,
                   required=True),
    "dtype": _text("NumPy's name.", "float32"),
    "coeff": Field(kind=Kind.NUMBER, doc="Factor.", example=2),
    "offset": Field(kind=Kind.NUMBER, doc="Summand.", example=-1),
}  # fmt: skip
TORCH_OPS_TEST: Keys = {
    "function_name": _text("The function; `main` where not given.", "main"),
    "flat_args": _entries(
        "Inputs, in order.",
        {**ARGUMENT, "Formula": Field(kind=Kind.MAPPING, doc="Made-up values.", keys=_FORMULA)},
        required=True,
    ),
    "expected_output": _entries("Expected outputs, .npy.", ARGUMENT),
    "seed": Field(kind=Kind.INTEGER, doc="Of NumPy's generator.", example=14, minimum=0, maximum=2**32 - 1),
    "rtol": _number("1e-5 where not given.", 1.0e-5),
    "atol": _number("1e-8 where not given.", 1.0e-8),
    "equal_nan": _flag("NaN equals NaN."),
    "mode": _text("What is done.", "compare", choices=("compare", "benchmark")),
    "file_name": _text("The MLIR.", "test.mlir"),
    "vmfb_name": _text("The compiled module's name with their tool.", "out.vmfb"),
}

OUTCOMES = ("skip", "pass", "fail-import", "fail-compile", "fail-run")
MODELS_CONFIG: Keys = {
    **{name: OPS_CONFIG[name] for name in ("config_name", "iree_compile_flags", "iree_run_module_flags")},
    "tests_and_expected_outcomes": Field(
        kind=Kind.NAMED, doc="What each test does; `default` is what the others do.", required=True,
        example={"default": "skip"}, item=_text("The outcome.", "pass", choices=OUTCOMES),
    ),
    "skip_compile_tests": OPS_CONFIG["skip_compile_tests"],
    "skip_run_tests": OPS_CONFIG["skip_run_tests"],
}  # fmt: skip

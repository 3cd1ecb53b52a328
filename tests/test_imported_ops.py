"""onnx_ops and torch_ops: folders of op tests with their configuration files, from manifest to record."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import pytest

from schemas.errors import ManifestError
from schemas.words import Depth, Outcome, Stage
from tests.imported_support.suite import CPU_FLAGS, DOUBLE, Folder, entry

REFUSED = "func.func @main(%a: tensor<4xf32>) -> tensor<4xf32> {\n  return %b : tensor<4xf32>\n}\n"
GOOD = "--input=4xf32=@in.bin\n--expected_output=4xf32=@out.bin\n"
VALUES = np.array([1, 2, 3, 4], np.float32)


def config(**lists: Any) -> dict[str, Any]:
    given = {
        "config_name": "mine",
        "iree_compile_flags": list(CPU_FLAGS),
        "iree_run_module_flags": ["--device=local-sync"],
    }
    return given | lists


def onnx_ops(root: pathlib.Path, text: str | dict[str, Any], tests: dict[str, tuple[str, str]]) -> Folder:
    """Each test is its module and its flags; the values are there for all."""
    made = Folder(root, entry("ops", "onnx-ops", config="ops.json"))
    made.write("ops.json", text)
    for name, (module, flags) in tests.items():
        made.write(f"ops/node/{name}/model.mlir", module)
        made.write(f"ops/node/{name}/run_module_io_flags.txt", flags)
        made.write(f"ops/node/{name}/in.bin", VALUES.tobytes())
        made.write(f"ops/node/{name}/out.bin", (2 * VALUES).tobytes())
    return made


@pytest.mark.slow
def test_the_lists_of_a_configuration(tmp_path: pathlib.Path) -> None:
    wrong = GOOD.replace("@out.bin", "@in.bin")
    names = ("good", "skipped", "unrun", "refused", "fixed", "moved", "differs", "runs")
    tests = dict.fromkeys(names, (DOUBLE, GOOD)) | {
        "refused": (REFUSED, GOOD),
        "unexpected": (REFUSED, GOOD),
        "moved": (DOUBLE, wrong),
        "differs": (DOUBLE, wrong),
        "unrun": (DOUBLE, wrong),
    }
    made = onnx_ops(
        tmp_path,
        config(
            skip_compile_tests=["node/skipped"],
            skip_run_tests=["node/unrun"],
            expected_compile_failures=["node/refused", "node/fixed", "node/moved"],
            expected_run_failures=["node/differs", "node/runs"],
        ),
        tests,
    )
    records = {name.rpartition("/")[2]: each for name, each in made.run(code=1).items()}
    assert {name: (each.outcome, each.exit_status) for name, each in records.items()} == {
        "good": (Outcome.PASS, "PASS"),
        "skipped": (Outcome.SKIP, "not-run"),
        "unrun": (Outcome.PASS, "PASS"),
        "refused": (Outcome.XFAIL, "compilation"),
        "unexpected": (Outcome.FAIL, "compilation"),
        "fixed": (Outcome.XPASS, "PASS"),
        "moved": (Outcome.FAIL, "Numerics"),
        "differs": (Outcome.XFAIL, "Numerics"),
        "runs": (Outcome.XPASS, "PASS"),
    }
    assert records["unrun"].reached_depth is Depth.COMPILE
    assert any("move it to expected_run_failures" in note for note in records["moved"].notes)
    assert any("ops.json:" in note and "Delete that line" in note for note in records["fixed"].notes)
    assert records["good"].flags is not None
    assert records["good"].flags.compiler == CPU_FLAGS
    assert records["good"].flags.runtime == ("--device=local-sync", "--flagfile=run_module_io_flags.txt")


def test_a_configuration_may_have_comments(tmp_path: pathlib.Path) -> None:
    text = """{ // as pyjson5 reads it
      "config_name": "mine", /* flags */
      "iree_compile_flags": ["--iree-hal-target-backends=llvm-cpu",],
      "iree_run_module_flags": [],
    }"""
    made = onnx_ops(tmp_path, text, {"good": (DOUBLE, GOOD)})
    (case,) = made.cases().values()
    assert case.definition is not None
    assert case.definition.modules[0].flags == ("--iree-hal-target-backends=llvm-cpu",)
    assert case.definition.cwd == "ops/node/good"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (config(skip_run_test=[]), "unknown key 'skip_run_test'\n    mend: did you mean skip_run_tests?"),
        ({"config_name": "mine", "iree_compile_flags": []}, "the key 'iree_run_module_flags' is missing"),
        (config() | {"config_name": 3}, "text is meant, but JSON reads 3 as the number 3"),
    ],
)
def test_mistakes_of_a_configuration(tmp_path: pathlib.Path, text: dict[str, Any], said: str) -> None:
    made = onnx_ops(tmp_path, text, {"good": (DOUBLE, GOOD)})
    with pytest.raises(ManifestError) as raised:
        made.cases()
    assert said in str(raised.value)
    assert "ops.json:" in str(raised.value)


def test_two_modules_are_a_mistake(tmp_path: pathlib.Path) -> None:
    made = onnx_ops(tmp_path, config(), {"good": (DOUBLE, GOOD)})
    made.write("ops/node/good/other.mlirbc", b"")
    with pytest.raises(ManifestError, match=r"2 \.mlir files beside it"):
        made.cases()


def torch_test(**fields: Any) -> dict[str, Any]:
    formula = {"shape": [4], "dtype": "float32", "coeff": 2, "offset": -1}
    usual = {
        "function_name": "main",
        "flat_args": [{"Formula": formula}],
        "seed": 9,
        "rtol": 1e-5,
        "atol": 1e-8,
        "equal_nan": False,
        "mode": "compare",
        "file_name": "test.mlir",
        "vmfb_name": "out.vmfb",
        "expected_output": [{"url": None, "value": "want.npy"}],
    }
    return usual | fields


@pytest.mark.slow
def test_torch_ops(tmp_path: pathlib.Path) -> None:
    made = Folder(tmp_path, entry("generated", "torch-ops", config="ops.json"))
    times = {"Double/slow": 1e-9, "Double/quick": 1e9}
    lists = {"expected_run_failures": ["Double/lost", "Double/wrong"], "golden_times_ms": times}
    made.write("ops.json", config(**lists, tolerance_factor=2))
    np.random.seed(9)  # noqa: NPY002 - the generator that the format is defined by
    drawn = (2 * np.random.rand(4) - 1).astype(np.float32)  # noqa: NPY002
    bench = {"mode": "benchmark", "expected_output": None}
    tests = {
        "right": torch_test(),
        "close": torch_test(rtol=0.5, expected_output=[{"value": "far.npy"}]),
        "wrong": torch_test(expected_output=[{"value": "far.npy"}]),
        "lost": torch_test(function_name="nowhere"),
        "slow": torch_test(**bench),
        "quick": torch_test(**bench),
        "free": torch_test(**bench),
    }
    for name, test in tests.items():
        made.write(f"generated/Double/{name}/run_module_io.json", test)
        made.write(f"generated/Double/{name}/test.mlir", DOUBLE)
        np.save(made.suites / "generated" / "Double" / name / "want.npy", 2 * drawn)
        np.save(made.suites / "generated" / "Double" / name / "far.npy", 2.5 * drawn)
    records = {name.rpartition("/")[2]: each for name, each in made.run(code=1).items()}
    assert {name: (each.outcome, each.exit_status) for name, each in records.items()} == {
        "right": (Outcome.PASS, "PASS"),
        "close": (Outcome.PASS, "PASS"),
        "wrong": (Outcome.FAIL, "Numerics"),  # their tool expects only what the runtime refuses
        "lost": (Outcome.XFAIL, Stage.COMPILED_INFERENCE),
        "slow": (Outcome.FAIL, Stage.BENCHMARK),
        "quick": (Outcome.PASS, "PASS"),
        "free": (Outcome.PASS, "PASS"),
    }
    assert records["right"].comparisons[0].passed
    assert any(note.startswith("our own comparison: values differ") for note in records["close"].notes)
    assert records["slow"].metrics["golden_time_ms"] == 1e-9


def test_torch_ops_needs_what_it_compares_with(tmp_path: pathlib.Path) -> None:
    made = Folder(tmp_path, entry("generated", "torch-ops", config="ops.json"))
    made.write("ops.json", config())
    made.write("generated/A/a/run_module_io.json", torch_test(expected_output=[]))
    with pytest.raises(ManifestError, match="has no `expected_output`"):
        made.cases()

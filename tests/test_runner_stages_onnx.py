from __future__ import annotations

import errno
import importlib.util
import os
import pathlib
import subprocess
import sys
from typing import Any

import ml_dtypes
import msgspec
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from runner import toolchain
from runner.frontends import onnx_native
from runner.frontends.onnx_importer import import_file
from runner.judge import judge
from runner.protocol import Job
from runner.stages.plan import WHOLE
from schemas.case import Tolerance
from schemas.words import Depth, Lowering, Outcome, Stage, StageStatus
from tests.stages_support.cases import (
    CLEAN,
    CPU,
    HOST_CPU,
    VMVX,
    a_case,
    a_job,
    a_model,
    error_of,
    identity,
    run,
    store,
)

ADD = helper.make_node("Add", ["x", "y"], ["z"])
F32 = TensorProto.FLOAT


def outcome_of(job: Job) -> Outcome:
    return judge(job.case, run(job)[0], CLEAN, shard=None, attempt=1, started="", reproduce="").outcome


@pytest.fixture
def add(tmp_path: pathlib.Path) -> pathlib.Path:
    return a_model(tmp_path / "model.onnx", [ADD], [("x", F32, [2, 3]), ("y", F32, [2, 3])], [("z", F32, [2, 3])])


def test_a_file_runs_from_end_to_end(add: pathlib.Path, tmp_path: pathlib.Path) -> None:
    job = a_job(tmp_path, add)
    events, stages, last = run(job)
    assert tuple(stages) == WHOLE
    assert {each.status for each in stages.values()} == {StageStatus.PASS}
    assert [(each.output, each.dtype, each.shape, each.total) for each in last.comparisons] == [
        ("z", "float32", (2, 3), 6)
    ]
    assert last.metrics["dispatch_count"] == 1
    assert last.metrics["vmfb_bytes"] > 1000
    assert last.flags.compiler[-1] == HOST_CPU
    assert last.flags.runtime == ("--device=local-task",)
    assert last.notes == ("inputs: random, seed 0", "golden: ONNX Runtime, CPU")
    assert (stages[Stage.COMPILATION].peak_rss_bytes or 0) > 20 * 2**20
    assert stages[Stage.COMPILATION].log == "logs/m@onnx/compilation.log"
    assert "iree-compile" in (pathlib.Path(job.logs) / "compilation.log").read_text()
    assert stages[Stage.POSTPROCESSING].log is None
    assert judge(job.case, events, CLEAN, shard=1, attempt=1, started="", reproduce="").outcome is Outcome.PASS


def test_the_module_is_what_the_plain_importer_writes(add: pathlib.Path, tmp_path: pathlib.Path) -> None:
    imported = import_file(add, tmp_path, ())
    plain = tmp_path / "plain.mlir"
    tool = [sys.executable, "-m", "iree.compiler.tools.import_onnx", str(add), "-o", str(plain)]
    subprocess.run(tool, check=True, env={**os.environ, "OPENBLAS_NUM_THREADS": "1"})
    assert imported.module.read_text().strip() == plain.read_text().strip()
    assert (imported.entry.name, imported.entry.results) == ("g", ("f32",))


def test_a_large_model_becomes_bytecode(tmp_path: pathlib.Path) -> None:
    weight = numpy_helper.from_array(np.ones((600, 600), np.float32), "y")
    model = a_model(tmp_path / "m.onnx", [ADD], [("x", F32, [600, 600])], [("z", F32, [600, 600])], [weight])
    job = a_job(tmp_path / "job", model)
    assert outcome_of(job) is Outcome.PASS
    assert (pathlib.Path(job.folder) / "model.mlirbc").read_bytes()[:4] == b"ML\xefR"


def test_import_flags_are_the_tools_own(tmp_path: pathlib.Path) -> None:
    weight = numpy_helper.from_array(np.arange(200, dtype=np.float32), "y")
    model = a_model(tmp_path / "m.onnx", [ADD], [("x", F32, [200])], [("z", F32, [200])], [weight])
    case = a_case(import_flags=("--externalize-params", "--params-scope", "weights"))
    job = a_job(tmp_path / "job", model, case)
    _, stages, last = run(job)
    assert stages[Stage.COMPARISON].status is StageStatus.PASS
    assert last.flags.runtime[1].startswith("--parameters=weights=")
    refused = a_job(tmp_path / "refused", model, a_case(import_flags=("--no-such-flag",)))
    events, stages, _ = run(refused)
    assert stages[Stage.IMPORT_MODEL].status is StageStatus.FAIL
    assert "--no-such-flag" in error_of(events)


@pytest.mark.parametrize("lowering", [Lowering.LINALG, Lowering.STABLEHLO])
def test_lowerings(add: pathlib.Path, tmp_path: pathlib.Path, lowering: Lowering) -> None:
    if lowering is Lowering.STABLEHLO and importlib.util.find_spec("torch_mlir") is None:
        pytest.skip("torch-mlir is not installed: make install EXTRAS=torch-mlir")
    job = a_job(tmp_path, add, a_case(lowering=lowering))
    assert outcome_of(job) is Outcome.PASS
    assert (pathlib.Path(job.logs) / "preprocess_model.log").is_file()


def test_stablehlo_without_torch_mlir_says_what_to_install(
    add: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "torch_mlir" else real(name))
    job = a_job(tmp_path, add, a_case(lowering=Lowering.STABLEHLO), toolchain=TOOLS)
    events, stages, _ = run(job)
    assert stages[Stage.PREPROCESS_MODEL].status is StageStatus.INFRA
    assert "torch-mlir" in error_of(events)


TOOLS = toolchain.find(None, CPU)


def test_vmvx(add: pathlib.Path, tmp_path: pathlib.Path) -> None:
    job = a_job(tmp_path, add, a_case(compile_flags=()), target=VMVX)
    _, stages, last = run(job)
    assert stages[Stage.COMPARISON].status is StageStatus.PASS
    assert "--iree-hal-local-target-device-backends=vmvx" in last.flags.compiler


def test_a_wrong_golden_is_numerics_with_figures(tmp_path: pathlib.Path) -> None:
    identity(tmp_path / "src" / "model.onnx", F32, [4])
    value = np.arange(4, dtype=np.float32)
    store(tmp_path / "src", [value], [value + np.array([0, 0, 1, 0], np.float32)])
    job = a_job(tmp_path, tmp_path / "src")
    events, stages, last = run(job)
    assert stages[Stage.COMPARISON].status is StageStatus.FAIL
    assert error_of(events) == "values differ"
    assert (last.comparisons[0].mismatched, last.comparisons[0].worst_index) == (1, (2,))
    assert last.notes == ()


def test_tolerance_travels_with_the_case(tmp_path: pathlib.Path) -> None:
    identity(tmp_path / "src" / "model.onnx", F32, [4])
    value = np.arange(4, dtype=np.float32)
    store(tmp_path / "src", [value], [value + np.float32(0.4)])
    assert outcome_of(a_job(tmp_path / "a", tmp_path / "src")) is Outcome.FAIL
    loose = a_case(tolerance=Tolerance(atol=0.5))
    assert outcome_of(a_job(tmp_path / "b", tmp_path / "src", loose)) is Outcome.PASS


def test_no_outputs_elements_is_no_pass(tmp_path: pathlib.Path) -> None:
    identity(tmp_path / "src" / "model.onnx", F32, [0, 3])
    empty = np.zeros((0, 3), np.float32)
    store(tmp_path / "src", [empty], [empty])
    events, stages, _ = run(a_job(tmp_path, tmp_path / "src"))
    assert stages[Stage.COMPARISON].status is StageStatus.FAIL
    assert error_of(events) == "nothing compared (empty outputs)"


def test_one_more_golden_than_outputs_is_refused(tmp_path: pathlib.Path) -> None:
    identity(tmp_path / "src" / "model.onnx", F32, [2])
    value = np.ones(2, np.float32)
    store(tmp_path / "src", [value], [value, value])
    events, stages, _ = run(a_job(tmp_path, tmp_path / "src"))
    assert stages[Stage.NATIVE_INFERENCE].status is StageStatus.FAIL
    assert error_of(events) == "ValueError: N stored outputs where the model has N"


def test_a_broken_model_fails_in_setup_and_an_unknown_operator_in_compilation(tmp_path: pathlib.Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"no model")
    events, stages, _ = run(a_job(tmp_path / "a", tmp_path / "broken.onnx"))
    assert (list(stages), stages[Stage.SETUP].status) == ([Stage.SETUP], StageStatus.FAIL)
    assert "DecodeError" in error_of(events)
    node = helper.make_node("Cast", ["x"], ["y"], to=TensorProto.UINT4)
    model = a_model(tmp_path / "m.onnx", [node], [("x", F32, [2])], [("y", TensorProto.UINT4, [2])])
    events, stages, last = run(a_job(tmp_path / "b", model))
    assert stages[Stage.COMPILATION].status is StageStatus.FAIL
    assert error_of(events) == "failed to legalize operation 'torch.operator': onnx.Cast"
    assert last.comparisons == ()
    assert last.flags.compiler


def test_external_data_must_exist(tmp_path: pathlib.Path) -> None:
    weight = numpy_helper.from_array(np.ones(600, np.float32), "y")
    model = a_model(tmp_path / "m.onnx", [ADD], [("x", F32, [600])], [("z", F32, [600])], [weight])
    loaded = onnx.load(model)
    onnx.save(loaded, model, save_as_external_data=True, location="weights.bin", size_threshold=0)
    assert outcome_of(a_job(tmp_path / "a", model)) is Outcome.PASS
    (tmp_path / "weights.bin").unlink()
    _, stages, _ = run(a_job(tmp_path / "b", model))
    assert stages[Stage.SETUP].status is StageStatus.FAIL


def test_load_inputs_takes_stored_ones_and_asks_for_them(tmp_path: pathlib.Path) -> None:
    model = identity(tmp_path / "model.onnx", F32, [2])
    events, stages, _ = run(a_job(tmp_path / "a", model, load_inputs=True))
    assert stages[Stage.SETUP].status is StageStatus.INFRA
    assert "--load-inputs" in error_of(events)
    store(tmp_path, [np.array([5, 6], np.float32)], [np.array([5, 6], np.float32)])
    job = a_job(tmp_path / "b", model, load_inputs=True)
    assert outcome_of(job) is Outcome.PASS
    assert np.load(pathlib.Path(job.folder) / "input_0.npy").tolist() == [5, 6]


def test_the_seed_makes_the_inputs_and_open_dimensions_become_one(tmp_path: pathlib.Path) -> None:
    node = helper.make_node("Relu", ["x"], ["y"])
    model = a_model(tmp_path / "m.onnx", [node], [("x", F32, ["batch", 3])], [("y", F32, ["batch", 3])])
    found = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        job = a_job(tmp_path / name, model, a_case(seed=seed))
        assert outcome_of(job) is Outcome.PASS
        found.append(np.load(pathlib.Path(job.folder) / "input_0.npy"))
    assert found[0].shape == (1, 3)
    assert np.array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])


def test_a_depth_ends_early_and_a_skipped_comparison_is_no_pass(add: pathlib.Path, tmp_path: pathlib.Path) -> None:
    shallow = a_job(tmp_path / "a", add, a_case(depth=Depth.COMPILE))
    assert shallow.stages[-1] is Stage.COMPILATION
    assert outcome_of(shallow) is Outcome.PASS
    job = a_job(tmp_path / "b", add)
    partial = msgspec.structs.replace(job, stages=job.stages[:-1])
    assert outcome_of(partial) is Outcome.SKIP


def test_an_allocation_that_fails_is_out_of_memory(
    add: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(*_: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(onnx_native, "run", exhausted)
    _, stages, _ = run(a_job(tmp_path, add))
    assert stages[Stage.NATIVE_INFERENCE].status is StageStatus.OOM


def test_a_full_disk_is_the_worlds_fault(
    add: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(onnx_native, "run", full)
    _, stages, _ = run(a_job(tmp_path, add))
    assert stages[Stage.NATIVE_INFERENCE].status is StageStatus.INFRA


@pytest.mark.parametrize(
    ("script", "status", "signature"),
    [
        ("kill -SEGV $$", StageStatus.CRASH, "SIGSEGV in iree-compile"),
        (
            'echo "LLVM ERROR: oh no" >&2; kill -ABRT $$',
            StageStatus.CRASH,
            "SIGABRT in iree-compile: LLVM ERROR: oh no",
        ),
        ('echo "what(): std::bad_alloc" >&2; kill -ABRT $$', StageStatus.OOM, "out of memory in iree-compile"),
        ("exit 3", StageStatus.FAIL, "iree-compile exited with 3 and said nothing"),
        ("exit 0", StageStatus.FAIL, "FileNotFoundError: [Errno N] No such file or directory: '<path>'"),
    ],
)
def test_how_a_tool_ends_is_told(
    add: pathlib.Path, tmp_path: pathlib.Path, script: str, status: StageStatus, signature: str
) -> None:
    fake = tmp_path / "iree-compile"
    fake.write_text(f"#!/bin/sh\n{script}\n")
    fake.chmod(0o755)
    job = a_job(tmp_path, add)
    broken = msgspec.structs.replace(job, toolchain=msgspec.structs.replace(job.toolchain, iree_compile=str(fake)))
    events, stages, _ = run(broken)
    assert (stages[Stage.COMPILATION].status, error_of(events)) == (status, signature)


ONNX_TYPES = [
    (TensorProto.FLOAT, np.float32),
    (TensorProto.DOUBLE, np.float64),
    (TensorProto.FLOAT16, np.float16),
    (TensorProto.BFLOAT16, ml_dtypes.bfloat16),
    (TensorProto.FLOAT8E4M3FN, ml_dtypes.float8_e4m3fn),
    (TensorProto.FLOAT8E4M3FNUZ, ml_dtypes.float8_e4m3fnuz),
    (TensorProto.FLOAT8E5M2, ml_dtypes.float8_e5m2),
    (TensorProto.FLOAT8E5M2FNUZ, ml_dtypes.float8_e5m2fnuz),
    (TensorProto.INT8, np.int8),
    (TensorProto.UINT8, np.uint8),
    (TensorProto.INT16, np.int16),
    (TensorProto.UINT16, np.uint16),
    (TensorProto.INT32, np.int32),
    (TensorProto.UINT32, np.uint32),
    (TensorProto.INT64, np.int64),
    (TensorProto.UINT64, np.uint64),
    (TensorProto.BOOL, np.bool_),
    (TensorProto.INT4, ml_dtypes.int4),
    (TensorProto.UINT4, ml_dtypes.uint4),
]
DEMOTE_NOTHING = a_case(compile_flags=(HOST_CPU, "--iree-input-demote-f64-to-f32=false"))


def every_value(dtype: Any) -> Any:
    """All values of types up to 16 bits, the interesting ones of wider types."""
    kind = np.dtype(dtype)
    if kind.name == "bool":
        return np.array([[False, True], [True, False]])
    if kind.name in ("int4", "uint4"):
        return np.arange(16, dtype=np.uint8).view(kind).reshape(2, 8)
    if kind.itemsize <= 2:
        bits = np.arange(2 ** (8 * kind.itemsize), dtype=np.uint32)
        return bits.astype(f"u{kind.itemsize}").view(kind).reshape(2, -1)
    if "int" in kind.name:
        info = np.iinfo(kind)
        return np.array([[info.min, info.max], [0, 1]], dtype=kind)
    return np.array([[0.0, -0.0, 1 / 3], [np.nan, np.inf, -np.inf]], dtype=kind)


@pytest.mark.parametrize(("onnx_type", "dtype"), ONNX_TYPES)
def test_every_value_of_every_type_travels_through_the_tools(
    tmp_path: pathlib.Path, onnx_type: int, dtype: Any
) -> None:
    value = every_value(dtype)
    identity(tmp_path / "src" / "model.onnx", onnx_type, value.shape)
    store(tmp_path / "src", [value], [value])
    exact = msgspec.structs.replace(DEMOTE_NOTHING, tolerance=Tolerance(atol=0, rtol=0))
    events, stages, last = run(a_job(tmp_path, tmp_path / "src", exact))
    assert error_of(events) == ""
    assert stages[Stage.COMPARISON].status is StageStatus.PASS
    assert (last.comparisons[0].dtype, last.comparisons[0].shape) == (np.dtype(dtype).name, value.shape)
    assert last.comparisons[0].total == value.size


@pytest.mark.parametrize("onnx_type", [TensorProto.FLOAT, TensorProto.BFLOAT16, TensorProto.INT64])
def test_scalars_keep_their_rank(tmp_path: pathlib.Path, onnx_type: int) -> None:
    model = identity(tmp_path / "model.onnx", onnx_type, [])
    _, stages, last = run(a_job(tmp_path / "job", model))
    assert stages[Stage.COMPARISON].status is StageStatus.PASS
    assert last.comparisons[0].shape == ()


def test_a_function_without_inputs_and_one_with_mixed_outputs(tmp_path: pathlib.Path) -> None:
    nodes = [
        helper.make_node("Cast", ["c"], ["half"], to=TensorProto.BFLOAT16),
        helper.make_node("Identity", ["c"], ["same"]),
        helper.make_node("Cast", ["c"], ["whole"], to=TensorProto.INT32),
    ]
    weight = numpy_helper.from_array(np.array([1, 2, 250], np.float32), "c")
    outputs = [("half", TensorProto.BFLOAT16, [3]), ("same", F32, [3]), ("whole", TensorProto.INT32, [3])]
    model = a_model(tmp_path / "m.onnx", nodes, [], outputs, [weight])
    _, stages, last = run(a_job(tmp_path / "job", model))
    assert stages[Stage.COMPARISON].status is StageStatus.PASS
    assert [each.dtype for each in last.comparisons] == ["bfloat16", "float32", "int32"]

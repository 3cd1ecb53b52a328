"""The path ort-ep at work: a real ONNX Runtime with a real plug-in that takes nodes, and the proof that it took all."""

from __future__ import annotations

import pathlib

import msgspec
import numpy as np
import onnx
import onnxruntime as ort
import pytest

from runner.failures import StageFailure
from runner.ortep.assignment import prove
from runner.ortep.messages import Assigned
from runner.ortep.options import provider_options
from runner.ortep.session import assignment
from runner.protocol import Finished, Job, StageEnded
from schemas.case import Tuning
from schemas.record import ErrorInfo, StageResult
from schemas.words import Depth, Lowering, Path, Stage, StageStatus
from tests.ort_ep_support import GOOD, NEEDS_COMPILER, chain, provider
from tests.stages_support.cases import CPU, HOST_CPU, a_case, a_job, run


def job(folder: pathlib.Path, model: pathlib.Path, *definitions: str, **settings: object) -> Job:
    target = msgspec.structs.replace(CPU, ort_ep_library=str(provider(*GOOD, *definitions)))
    return a_job(folder, model, a_case(path=Path.ORT_EP, depth=Depth.EXECUTE), target=target, **settings)


def ended(job_: Job) -> tuple[dict[Stage, StageResult], Finished, ErrorInfo | None]:
    events, stages, finished = run(job_)
    return stages, finished, next((e.error for e in events if isinstance(e, StageEnded) and e.error), None)


@NEEDS_COMPILER
def test_a_model_that_the_provider_takes_whole(tmp_path: pathlib.Path) -> None:
    stages, finished, error = ended(job(tmp_path, chain(tmp_path / "abs.onnx", "Abs", "Abs")))
    assert error is None
    assert stages[Stage.COMPARISON].status is StageStatus.PASS
    assert [(each.passed, each.total) for each in finished.comparisons] == [(True, 6)]
    assert finished.metrics["ep_nodes"] == 2
    assert "execution provider: libprovider.so 0.0.7, local-task://" in finished.notes
    assert finished.flags.compiler == ("target_arch=host",)
    assert not finished.flags.importer
    peak = stages[Stage.COMPILATION].peak_rss_bytes
    assert peak is not None
    assert peak > 10_000_000, "of the process that holds ONNX Runtime"


@NEEDS_COMPILER
def test_a_node_that_would_fall_back_fails_the_compilation_by_its_name(tmp_path: pathlib.Path) -> None:
    stages, finished, error = ended(job(tmp_path, chain(tmp_path / "neg.onnx", "Abs", "Neg", "Abs")))
    assert stages[Stage.COMPILATION].status is StageStatus.FAIL
    assert Stage.COMPILED_INFERENCE not in stages
    assert not finished.comparisons
    assert error is not None
    assert error.signature == "not assigned to IREE: CPUExecutionProvider has Neg"
    assert "1 of 3 nodes" in error.excerpt
    assert "Neg n1: CPUExecutionProvider" in error.excerpt


@NEEDS_COMPILER
def test_what_the_provider_computes_is_what_is_compared(tmp_path: pathlib.Path) -> None:
    """Twice the right value, and not the one that a session on the CPU would give."""
    stages, _, error = ended(job(tmp_path, chain(tmp_path / "abs.onnx", "Abs"), "-DSCALE=2"))
    assert stages[Stage.COMPARISON].status is StageStatus.FAIL
    assert error is not None
    assert error.signature == "values differ"


@NEEDS_COMPILER
def test_a_crash_in_the_inference_is_the_cases_and_says_so(tmp_path: pathlib.Path) -> None:
    stages, _, error = ended(job(tmp_path, chain(tmp_path / "abs.onnx", "Abs"), "-DCRASH_IN_RUN"))
    assert stages[Stage.COMPILATION].status is StageStatus.PASS
    assert stages[Stage.COMPILED_INFERENCE].status is StageStatus.CRASH
    assert error is not None
    assert error.signature == "SIGSEGV in ONNX Runtime while running the session"


@NEEDS_COMPILER
def test_an_error_of_the_compiler_that_the_provider_starts_is_the_signature(tmp_path: pathlib.Path) -> None:
    """Which it finds first on its PATH, and which knows no such flag."""
    command = "-DCOMPILE_COMMAND=\"echo 'a.mlir:1:2: error: no such thing' >&2; false\""
    stages, _, error = ended(job(tmp_path, chain(tmp_path / "abs.onnx", "Abs"), command))
    assert stages[Stage.COMPILATION].status is StageStatus.FAIL
    assert error is not None
    assert error.signature == "no such thing"
    assert "the compiler failed" in error.excerpt


@NEEDS_COMPILER
def test_the_provider_finds_the_cases_own_compiler(tmp_path: pathlib.Path) -> None:
    found = tmp_path / "found"
    this = job(tmp_path, chain(tmp_path / "abs.onnx", "Abs"), f'-DCOMPILE_COMMAND="command -v iree-compile > {found}"')
    assert ended(this)[2] is None
    assert found.read_text().strip() == this.toolchain.iree_compile


def test_the_proof_refuses_what_the_real_runtime_runs_on_its_cpu(tmp_path: pathlib.Path) -> None:
    options = ort.SessionOptions()
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    model = chain(tmp_path / "m.onnx", "Abs", "Neg")
    assigned = assignment(ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"]))
    with pytest.raises(StageFailure) as failure:
        prove(assigned)
    assert failure.value.error.signature == "not assigned to IREE: CPUExecutionProvider has Abs, Neg"
    assert "2 of 2 nodes" in failure.value.error.excerpt


def test_the_proof_needs_nodes() -> None:
    prove([Assigned("IREE", ("Abs",), ("n",))])
    for nothing in ([], [Assigned("IREE", (), ())]):
        with pytest.raises(StageFailure, match="no node was assigned to IREE"):
            prove(nothing)


def test_flags_become_options_where_there_are_any() -> None:
    case = a_case(
        compile_flags=("--iree-hal-target-device=local", HOST_CPU, "--iree-opt-level=O1", "--iree-opt-data-tiling"),
        tuning=Tuning(opt_level="O3", save_ir=True, const_eval=False),
    )
    chosen = provider_options(case, CPU)
    assert chosen.given == {"target_arch": "host", "opt_level": "O3", "save_intermediates": "1"}
    assert chosen.left_out == ("--iree-opt-data-tiling", "tuning: const-eval")
    assert provider_options(a_case(compile_flags=()), msgspec.structs.replace(CPU, chip="gfx942")).given == {
        "target_arch": "gfx942"
    }


def test_there_is_no_other_lowering(tmp_path: pathlib.Path) -> None:
    case = a_case(path=Path.ORT_EP, depth=Depth.LOWER, lowering=Lowering.LINALG)
    stages, _, error = ended(a_job(tmp_path, chain(tmp_path / "abs.onnx", "Abs"), case))
    assert stages[Stage.IMPORT_MODEL].status is StageStatus.INFRA
    assert error is not None
    assert "the path ort-ep has no lowering linalg" in error.excerpt


@NEEDS_COMPILER
def test_weights_in_several_files_go_along(tmp_path: pathlib.Path) -> None:
    """The model is copied into the case's folder, with one file for all external data."""
    model = onnx.load(chain(tmp_path / "plain.onnx", "Abs"))
    for name in ("a", "b"):
        weight = onnx.numpy_helper.from_array(np.arange(1000, dtype=np.float32), name)
        onnx.external_data_helper.set_external_data(weight, f"{name}.bin")
        model.graph.initializer.append(weight)
        model.graph.node.append(onnx.helper.make_node("Abs", [name], [f"{name}_out"]))
        model.graph.output.append(onnx.helper.make_tensor_value_info(f"{name}_out", onnx.TensorProto.FLOAT, [1000]))
    onnx.save(model, tmp_path / "m.onnx")
    stages, finished, error = ended(job(tmp_path, tmp_path / "m.onnx"))
    assert error is None
    assert stages[Stage.COMPARISON].status is StageStatus.PASS
    assert [each.total for each in finished.comparisons] == [6, 1000, 1000]
    kept = {each.name for each in (tmp_path / "work").iterdir()}
    assert {"model.onnx", "weights.bin"} <= kept
    assert not kept & {"a.bin", "b.bin"}

"""Small ONNX models made on the spot, and jobs that run them with the installed tools."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from runner import toolchain, worker
from runner.protocol import Ending, Event, Finished, Job, StageEnded
from runner.stages import plan
from schemas.case import Case, Source, Tolerance
from schemas.record import StageResult
from schemas.target import Target
from schemas.words import Depth, Lowering, Path, SourceKind, Stage

CPU = Target(name="cpu", backend="llvm-cpu", device="local-task", runs_on=("ubuntu-24.04",), hosted=True)
VMVX = Target(name="vmvx", backend="vmvx", device="local-task", runs_on=("ubuntu-24.04",), hosted=True)
HOST_CPU = "--iree-llvmcpu-target-cpu=host"
CLEAN = Ending(exit_code=0)


def a_case(**settings: Any) -> Case:
    """A case of the path ``onnx``, compiled for this machine unless ``compile_flags`` says otherwise."""
    defaults: dict[str, Any] = {
        "id": "s/cpu/m@onnx",
        "suite": "s",
        "target": "cpu",
        "model": "m",
        "path": Path.ONNX,
        "depth": Depth.EXECUTE,
        "source": Source(SourceKind.ONNX_FILE, "m.onnx"),
        "compile_flags": (HOST_CPU,),
        "lowering": Lowering.TORCH,
        "tolerance": Tolerance(),
    }
    return Case(**(defaults | settings))


def a_job(folder: pathlib.Path, source: pathlib.Path, case: Case | None = None, **settings: Any) -> Job:
    """A job in ``folder``, with the toolchain of the installed packages."""
    case = case or a_case()
    work, logs = folder / "work", folder / "logs" / case.key
    work.mkdir(parents=True)
    logs.mkdir(parents=True)
    defaults: dict[str, Any] = {
        "target": CPU,
        "toolchain": toolchain.find(None, CPU),
        "stages": plan(case),
    }
    return Job(case=case, source=str(source), folder=str(work), logs=str(logs), **(defaults | settings))


def run(job: Job) -> tuple[list[Event], dict[Stage, StageResult], Finished]:
    """Run a job in this process: its events, its stages, its last word."""
    events: list[Event] = []
    worker.run(job, events.append)
    stages = {event.result.stage: event.result for event in events if isinstance(event, StageEnded)}
    (last,) = [event for event in events if isinstance(event, Finished)]
    return events, stages, last


def error_of(events: Sequence[Event]) -> str:
    """The signature of the stage that did not pass; empty when all did."""
    return next((each.error.signature for each in events if isinstance(each, StageEnded) and each.error), "")


def a_model(
    path: pathlib.Path,
    nodes: Sequence[Any],
    inputs: Sequence[tuple[str, int, Sequence[int | str]]],
    outputs: Sequence[tuple[str, int, Sequence[int | str]]],
    initializers: Sequence[Any] = (),
) -> pathlib.Path:
    """Write a model; inputs and outputs are (name, onnx element type, shape)."""
    graph = helper.make_graph(
        list(nodes),
        "g",
        [helper.make_tensor_value_info(*each) for each in inputs],
        [helper.make_tensor_value_info(*each) for each in outputs],
        list(initializers),
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)
    return path


def identity(path: pathlib.Path, onnx_type: int, shape: Sequence[int]) -> pathlib.Path:
    """A model that returns its only input."""
    node = helper.make_node("Identity", ["x"], ["y"])
    return a_model(path, [node], [("x", onnx_type, shape)], [("y", onnx_type, shape)])


def store(folder: pathlib.Path, inputs: Sequence[np.ndarray[Any, Any]], outputs: Sequence[Any]) -> None:
    """Write ``test_data_set_0`` beside a model."""
    data = folder / "test_data_set_0"
    data.mkdir(parents=True, exist_ok=True)
    for prefix, values in (("input", inputs), ("output", outputs)):
        for number, value in enumerate(values):
            proto = numpy_helper.from_array(value, f"{prefix}{number}")
            (data / f"{prefix}_{number}.pb").write_bytes(proto.SerializeToString())

"""An .onnx file and named inputs become ONNX Runtime's outputs on the CPU: the golden where none is given."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping

from runner.ort_values import from_ort, to_ort
from runner.tensors import Array


def run(model: pathlib.Path, inputs: Mapping[str, Array]) -> tuple[Array, ...]:
    """All outputs of the graph, in its order, with its own element types.

    One thread and sequential execution, so that sums are taken in the same order in every run. Raises ONNX Runtime's
    own exceptions, and ValueError for an output that is no numeric tensor.
    """
    import onnxruntime as ort  # noqa: PLC0415 - 100 ms, and only cases without a given golden need it

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    session = ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    given = {name: to_ort(value, ort.OrtValue) for name, value in inputs.items()}
    return tuple(from_ort(value) for value in session.run_with_ort_values(None, given))

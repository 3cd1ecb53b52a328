"""An .onnx file and named inputs become ONNX Runtime's outputs on the CPU: the golden where none is given."""

from __future__ import annotations

import ctypes
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from onnx import helper

from runner.tensors import ELEMENT_TYPES, Array, element_type, pack, unpack


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
    given = {name: _to_ort(value, ort.OrtValue) for name, value in inputs.items()}
    return tuple(_from_ort(value) for value in session.run_with_ort_values(None, given))


def _to_ort(value: Array, ort_value: Any) -> Any:
    """Element types that numpy lacks are copied in as the bytes that both sides agree on."""
    if element_type(value).npy:
        return ort_value.ortvalue_from_numpy(np.array(value, order="C"))
    made = ort_value.ortvalue_from_shape_and_type(value.shape, helper.np_dtype_to_tensor_dtype(value.dtype), "cpu")
    data = pack(value)
    ctypes.memmove(made.data_ptr(), data, len(data))
    return made


def _from_ort(value: Any) -> Array:
    """``OrtValue.numpy()`` refuses most of those types and gives some as plain bytes: they are read as bytes here."""
    if not value.is_tensor():
        msg = f"ONNX Runtime returned a {value.data_type()}: a compiled module returns numeric tensors only"
        raise ValueError(msg)
    dtype = np.dtype(helper.tensor_dtype_to_np_dtype(value.element_type()))
    kind = ELEMENT_TYPES.get(dtype.name)
    if kind is None or kind.npy:
        return np.array(value.numpy(), order="C")
    data = ctypes.string_at(value.data_ptr(), value.tensor_size_in_bytes())
    return unpack(data, kind, tuple(value.shape()))

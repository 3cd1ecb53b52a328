"""Arrays become ONNX Runtime's values and such values arrays again, element types that NumPy lacks included."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from onnx import helper

from runner.tensors import ELEMENT_TYPES, Array, element_type, pack, unpack


def to_ort(value: Array, ort_value: Any) -> Any:
    """An `OrtValue` on the CPU; ``ort_value`` is that class, so that loading this module loads no ONNX Runtime.

    Element types that numpy lacks are copied in as the bytes that both sides agree on.
    """
    if element_type(value).npy:
        return ort_value.ortvalue_from_numpy(np.array(value, order="C"))
    made = ort_value.ortvalue_from_shape_and_type(value.shape, helper.np_dtype_to_tensor_dtype(value.dtype), "cpu")
    data = pack(value)
    ctypes.memmove(made.data_ptr(), data, len(data))
    return made


def from_ort(value: Any) -> Array:
    """A copy of an `OrtValue` that lies in the host's memory; raises ValueError for one that is no numeric tensor.

    ``OrtValue.numpy()`` refuses most types that numpy lacks and gives some as plain bytes: they are read as bytes here.
    """
    if not value.is_tensor():
        msg = f"ONNX Runtime returned a {value.data_type()}: a compiled module returns numeric tensors only"
        raise ValueError(msg)
    dtype = np.dtype(helper.tensor_dtype_to_np_dtype(value.element_type()))
    kind = ELEMENT_TYPES.get(dtype.name)
    if kind is None or kind.npy:
        return np.array(value.numpy(), order="C")
    data = ctypes.string_at(value.data_ptr(), value.tensor_size_in_bytes())
    return unpack(data, kind, tuple(value.shape()))

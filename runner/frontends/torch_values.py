"""PyTorch tensors become arrays of the same element type and bits, and arrays tensors again."""

from __future__ import annotations

import numpy as np
import torch

from runner.tensors import ELEMENT_TYPES, Array

#: What both sides have, under numpy's (or ml_dtypes') name, which is PyTorch's too.
DTYPES: dict[str, torch.dtype] = {
    name: found for name in ELEMENT_TYPES if isinstance(found := getattr(torch, name, None), torch.dtype)
}
#: PyTorch has them as shells without a single operator.
for _name in ("int2", "uint2", "int4", "uint4"):
    DTYPES.pop(_name, None)
_NAMES = {dtype: name for name, dtype in DTYPES.items()}

#: For element types that numpy lacks: an integer of the same size carries the bits over.
_CARRIERS = {1: (torch.uint8, np.uint8), 2: (torch.int16, np.int16)}


def dtype_name(dtype: torch.dtype) -> str:
    """Numpy's name of an element type; raises TypeError for one that no tensor of a compiled module can have."""
    name = _NAMES.get(dtype)
    if name is None:
        msg = f"element type {dtype} has no counterpart among the tensors of a compiled module"
        raise TypeError(msg)
    return name


def to_array(tensor: torch.Tensor) -> Array:
    """A row-major copy of the tensor's values; raises TypeError for sparse, quantized and unknown element types."""
    kind = ELEMENT_TYPES[dtype_name(tensor.dtype)]
    if tensor.layout is not torch.strided or tensor.is_quantized:
        msg = f"a {tensor.layout} tensor of {tensor.dtype} is no dense array: compiled modules take and return those"
        raise TypeError(msg)
    plain = tensor.detach().cpu().resolve_conj().resolve_neg().contiguous()
    if kind.npy:
        return np.array(plain.numpy(), order="C")
    carrier, _ = _CARRIERS[plain.element_size()]
    carried: Array = np.array(plain.view(carrier).numpy(), order="C").view(kind.dtype)
    return carried


def to_tensor(array: Array) -> torch.Tensor:
    """A tensor of its own with the array's values; raises TypeError for an element type that PyTorch lacks."""
    dtype = DTYPES.get(array.dtype.name)
    if dtype is None:
        msg = f"PyTorch has no tensors of {array.dtype}"
        raise TypeError(msg)
    copied = np.array(array, order="C")
    if ELEMENT_TYPES[array.dtype.name].npy:
        return torch.from_numpy(copied)
    _, carrier = _CARRIERS[array.dtype.itemsize]
    return torch.from_numpy(copied.view(carrier)).view(dtype)

"""Element types under numpy's and IREE's names, and arrays as the bytes that IREE's buffers hold."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import msgspec
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class ElementType(msgspec.Struct, frozen=True):
    """One element type. ``iree`` is how iree-run-module spells it: integers are signless at its function boundary."""

    name: str  # numpy's or ml_dtypes' name: float32, bfloat16, int4, …
    iree: str
    bits: int
    npy: bool  # whether NumPy's own file format can hold it

    @property
    def dtype(self) -> np.dtype[Any]:
        """The numpy dtype (ml_dtypes' for the types that numpy lacks)."""
        return np.dtype(getattr(ml_dtypes, self.name, None) or self.name)

    @property
    def packed(self) -> bool:
        """Whether several elements share a byte in IREE's buffers."""
        return self.bits < 8 and self.name != "bool"  # noqa: PLR2004 - bits in a byte


_TABLE = (
    ElementType("bool", "i1", 1, npy=True),
    ElementType("int8", "i8", 8, npy=True),
    ElementType("int16", "i16", 16, npy=True),
    ElementType("int32", "i32", 32, npy=True),
    ElementType("int64", "i64", 64, npy=True),
    ElementType("uint8", "i8", 8, npy=True),
    ElementType("uint16", "i16", 16, npy=True),
    ElementType("uint32", "i32", 32, npy=True),
    ElementType("uint64", "i64", 64, npy=True),
    ElementType("float16", "f16", 16, npy=True),
    ElementType("float32", "f32", 32, npy=True),
    ElementType("float64", "f64", 64, npy=True),
    ElementType("complex64", "complex<f32>", 64, npy=True),
    ElementType("complex128", "complex<f64>", 128, npy=True),
    ElementType("bfloat16", "bf16", 16, npy=False),
    ElementType("float8_e4m3fn", "f8E4M3FN", 8, npy=False),
    ElementType("float8_e4m3fnuz", "f8E4M3FNUZ", 8, npy=False),
    ElementType("float8_e5m2", "f8E5M2", 8, npy=False),
    ElementType("float8_e5m2fnuz", "f8E5M2FNUZ", 8, npy=False),
    ElementType("float8_e8m0fnu", "f8E8M0FNU", 8, npy=False),
    ElementType("float4_e2m1fn", "f4E2M1FN", 4, npy=False),
    ElementType("int4", "i4", 4, npy=False),
    ElementType("uint4", "i4", 4, npy=False),
    ElementType("int2", "i2", 2, npy=False),
    ElementType("uint2", "i2", 2, npy=False),
)

#: By numpy's name.
ELEMENT_TYPES: dict[str, ElementType] = {each.name: each for each in _TABLE}

#: By MLIR's spelling, as it stands in a module: ``f32``, ``si64``, ``ui4``, ``i8`` (signless reads as signed).
MLIR_TYPES: dict[str, ElementType] = {each.iree: each for each in reversed(_TABLE) if not each.name.startswith("uint")}
MLIR_TYPES |= {f"s{each.iree}": each for each in _TABLE if each.name.startswith("int")}
MLIR_TYPES |= {f"u{each.iree}": each for each in _TABLE if each.name.startswith("uint")}


def element_type(array: Array) -> ElementType:
    """The element type of an array; raises TypeError for one that no tensor of a compiled module can have."""
    found = ELEMENT_TYPES.get(array.dtype.name)
    if found is None:
        msg = f"element type {array.dtype} has no counterpart among IREE's buffers"
        raise TypeError(msg)
    return found


def pack(array: Array) -> bytes:
    """Row-major bytes as IREE's buffers hold them; sub-byte elements fill each byte from its low bits on."""
    kind = element_type(array)
    raw = np.frombuffer(array.tobytes(order="C"), dtype=np.uint8)
    if not kind.packed:
        return raw.tobytes()
    per_byte = 8 // kind.bits
    padded = np.zeros(-(-raw.size // per_byte) * per_byte, dtype=np.uint8)
    padded[: raw.size] = raw & ((1 << kind.bits) - 1)
    shifts = np.arange(per_byte, dtype=np.uint8) * np.uint8(kind.bits)
    combined: NDArray[np.uint8] = np.bitwise_or.reduce(padded.reshape(-1, per_byte) << shifts, axis=1)
    return combined.tobytes()


def unpack(data: bytes, kind: ElementType, shape: tuple[int, ...]) -> Array:
    """The inverse of :func:`pack`; raises ValueError when ``data`` has another length than ``shape`` needs."""
    count = int(np.prod(shape, dtype=np.int64))
    needed = (count * kind.bits + 7) // 8 if kind.packed else count * kind.dtype.itemsize
    if len(data) != needed:
        msg = f"{len(data)} bytes where {kind.name} of shape {shape} needs {needed}"
        raise ValueError(msg)
    if not kind.packed:
        return np.frombuffer(data, dtype=kind.dtype).reshape(shape)
    per_byte = 8 // kind.bits
    shifts = np.arange(per_byte, dtype=np.uint8) * np.uint8(kind.bits)
    raw = (np.frombuffer(data, dtype=np.uint8)[:, None] >> shifts).reshape(-1)[:count] & np.uint8((1 << kind.bits) - 1)
    return raw.view(kind.dtype).reshape(shape)

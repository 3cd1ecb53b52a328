"""A parameter, a seed and a kind become its bytes in portions of a few MiB: the same on every machine, in any order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from runner.parameters.elements import Element, Kind, Parameter, element_type
from runner.parameters.normal import normal

#: Raised when the same seed is to give other bytes.
FORMAT = 1
_PORTION = 1 << 18  # elements
#: Too coarse for numbers around 0.01, all of which would be zero: any of its bit patterns is as likely as another.
_COARSE = "f4E2M1FN"
_BYTE = 8
_NIBBLE = 4


def random_blocks(parameter: Parameter, seed: int) -> Iterator[bytes]:
    """Floats N(0, 0.01), integers over their whole range, ``i1`` 0 and 1; little-endian, ``parameter.length`` bytes.

    The bits are those of Philox (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011), whose stream
    NumPy keeps, with 128 bits of SHA-256 over seed, scope and key for its key: a parameter's values depend neither on
    others nor on their order.
    """
    name = f"{seed}\0{parameter.scope}\0{parameter.key}".encode()
    key = int.from_bytes(hashlib.sha256(name).digest()[:16], "little")
    source = np.random.Philox(key=key)
    element = element_type(parameter.element)
    left = parameter.count
    if element.kind is Kind.COMPLEX:
        left *= 2
    while left > 0:
        count = min(left, _PORTION)
        yield _portion(element, source, count)
        left -= count


def splat_pattern(parameter: Parameter, value: float) -> bytes:
    """What repeats where every element is ``value``: 1, 2, 4, 8 or 16 bytes.

    Raises ValueError for a value that the type does not have.
    """
    element = element_type(parameter.element)
    if element.kind is Kind.COMPLEX:
        return np.array([value, 0], element.dtype).tobytes()
    if element.kind is Kind.FLOAT:
        made = np.array(value, np.float64).astype(_dtype(element))
        if float(made.astype(np.float64)) != value:
            msg = f"{parameter.element} has no {value:g}"
            raise ValueError(msg)
        pattern = made.tobytes()
        return bytes([pattern[0] & 0xF | (pattern[0] & 0xF) << 4]) if element.bits == _NIBBLE else pattern
    number = int(value)
    if number != value or not 0 <= number < 1 << min(element.bits, 63):
        msg = f"{parameter.element} has no {value:g}"
        raise ValueError(msg)
    if element.bits < _BYTE:
        number = sum(number << shift for shift in range(0, _BYTE, element.bits))
    return number.to_bytes(max(1, element.bits // _BYTE), "little")


def _portion(element: Element, source: np.random.Philox, count: int) -> bytes:
    if element.name == _COARSE or element.kind is Kind.INTEGER:
        return _bytes(source, -(-count * element.bits // _BYTE)).tobytes()
    if element.kind is Kind.BOOL:
        return (_bytes(source, count) & np.uint8(1)).tobytes()
    values = normal(_bytes(source, 4 * count).view("<u4"))
    if element.dtype == "float64":
        return values.astype("<f8").tobytes()
    single = values.astype(np.float32)
    if element.name == "f8E8M0FNU":  # powers of two, without a sign
        single = np.abs(single)
    return single.astype(_dtype(element)).tobytes()


def _bytes(source: np.random.Philox, count: int) -> npt.NDArray[np.uint8]:
    words = np.asarray(source.random_raw(-(-count // 8)), dtype="<u8")
    return words.view(np.uint8)[:count]


def _dtype(element: Element) -> np.dtype[Any]:
    """Little-endian."""
    if element.dtype in ("float64", "float32", "float16"):
        plain: np.dtype[Any] = np.dtype(element.dtype)
        return plain.newbyteorder("<")
    import ml_dtypes  # noqa: PLC0415 - only for what NumPy does not have

    found: np.dtype[Any] = np.dtype(getattr(ml_dtypes, element.dtype))
    return found

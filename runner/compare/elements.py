"""Two arrays of one shape and type become, per element, whether they differ too much and by how much."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from runner.compare.tolerances import Bound
from runner.tensors import Array

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
_TWO_TO_64 = 2.0**64
_NEAR_THE_END = 2.0**1020  # from here on a difference or a complex magnitude may be beyond float64
_QUARTER = 0.25


class Differences(NamedTuple):
    """Per element, all of the compared shape.

    ``distance`` is |a - e| times ``unit``, over the parts finite on both sides, and infinity where the pattern is
    wrong. ``magnitude`` is |e| times ``unit`` where finite, else 0. ``pattern`` marks elements whose NaN, infinity or
    its sign do not match. ``unit`` is 1, or 0.25 where a value or a difference might else be beyond float64.
    """

    mismatch: Mask
    pattern: Mask
    finite: Mask
    distance: Floats
    magnitude: Floats
    unit: float = 1.0


def differences(actual: Array, expected: Array, limit: Bound) -> Differences:
    """Compare two arrays of the same shape and dtype; integers exactly, floats in float64, complex in complex128."""
    if is_whole(expected):
        return _whole(actual, expected, limit)
    return _inexact(widened(actual), widened(expected), limit)


def widened(array: Array) -> NDArray[Any]:
    """In float64 or complex128, which hold every value of the narrower types; a signalling NaN becomes a quiet one."""
    with np.errstate(invalid="ignore"):
        return np.asarray(array).astype(np.complex128 if np.iscomplexobj(array) else np.float64)


def is_whole(array: Array) -> bool:
    """Whether the elements are integers or booleans."""
    return array.dtype.kind in "biu" or "int" in array.dtype.name


def _whole(actual: Array, expected: Array, limit: Bound) -> Differences:
    """Integers and booleans: distances are whole numbers modulo 2^64, exact for 64 bits too, and so is their limit."""
    a, e = _widen(actual), _widen(expected)
    distance = np.asarray(np.where(a > e, a.view(np.uint64) - e.view(np.uint64), e.view(np.uint64) - a.view(np.uint64)))
    magnitude = np.abs(e.astype(np.float64))
    with np.errstate(over="ignore"):
        allowed = np.floor(limit.atol + limit.rtol * magnitude)
    bounded = np.asarray(allowed < _TWO_TO_64)
    mismatch = np.asarray(bounded & (distance > np.where(bounded, allowed, 0).astype(np.uint64)))
    pattern, finite = np.zeros_like(mismatch), np.ones_like(mismatch)
    return Differences(mismatch, pattern, finite, distance.astype(np.float64), magnitude)


def _widen(array: Array) -> NDArray[Any]:
    return np.asarray(array).astype(np.uint64 if array.dtype.name.startswith("uint") else np.int64)


def _inexact(actual: NDArray[Any], expected: NDArray[Any], limit: Bound) -> Differences:
    finite = np.asarray(np.isfinite(actual) & np.isfinite(expected))
    pattern = np.asarray(~finite & ~_same_pattern(actual, expected))
    a, e = _finite_parts(actual, expected)
    scale, unit = _scale(a, e)
    if unit != 1:
        a, e = a * scale, e * scale
    distance = np.asarray(np.abs(a - e), dtype=np.float64)
    magnitude = np.asarray(np.abs(e), dtype=np.float64)
    del a, e  # an output may be gigabytes
    in_unit = 1.0 if unit == 1 else unit / scale
    magnitudes = np.where(finite, magnitude * in_unit, 0)
    with np.errstate(over="ignore"):
        allowed = _atol(limit, magnitudes, unit) * scale + limit.rtol * magnitude
    mismatch = np.asarray(pattern | ~(distance <= allowed))
    return Differences(mismatch, pattern, finite, np.where(pattern, np.inf, distance * in_unit), magnitudes, unit)


def _atol(limit: Bound, magnitudes: Floats, unit: float) -> float:
    if limit.relative is None:
        return limit.atol
    return float(limit.relative * magnitudes.max(initial=0.0)) / unit


def _scale(a: NDArray[Any], e: NDArray[Any]) -> tuple[NDArray[Any], float]:
    """A power of two per element that keeps its figures within float64, and the smallest of them.

    Small elements keep 1: a quarter of a denormal number may be nothing.
    """
    large = np.asarray((_extent(a) >= _NEAR_THE_END) | (_extent(e) >= _NEAR_THE_END))
    if not large.any():
        return np.ones(()), 1.0
    return np.where(large, _QUARTER, 1.0), _QUARTER


def _extent(values: NDArray[Any]) -> Floats:
    if np.iscomplexobj(values):
        return np.asarray(np.maximum(np.abs(values.real), np.abs(values.imag)))
    return np.asarray(np.abs(values))


def _finite_parts(actual: NDArray[Any], expected: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Both sides with 0 wherever either is not finite; of a complex number each part by itself."""
    if np.iscomplexobj(actual):
        real = _finite_parts(actual.real, expected.real)
        imaginary = _finite_parts(actual.imag, expected.imag)
        first, second = (r + 1j * i for r, i in zip(real, imaginary, strict=True))
        return first, second
    finite = np.isfinite(actual) & np.isfinite(expected)
    return np.where(finite, actual, 0), np.where(finite, expected, 0)


def _same_pattern(actual: NDArray[Any], expected: NDArray[Any]) -> Mask:
    """Where NaN stands for NaN and an infinity for the same infinity; for complex numbers in each part."""
    if np.iscomplexobj(actual):
        return _same_pattern(actual.real, expected.real) & _same_pattern(actual.imag, expected.imag)
    nan = np.isnan(actual) & np.isnan(expected)
    infinite = np.isinf(actual) & (actual == expected)
    return np.asarray(nan | infinite | (np.isfinite(actual) & np.isfinite(expected)))

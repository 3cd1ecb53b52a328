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


class Differences(NamedTuple):
    """Per element, all of the compared shape. ``distance`` is |a - e| where both are finite, else 0 or infinity.

    ``magnitude`` is |e| where finite, else 0. ``pattern`` marks elements whose NaN, infinity or its sign do not match.
    """

    mismatch: Mask
    pattern: Mask
    finite: Mask
    distance: Floats
    magnitude: Floats


def differences(actual: Array, expected: Array, limit: Bound) -> Differences:
    """Compare two arrays of the same shape and dtype; integers exactly, floats in float64, complex in complex128."""
    if _is_whole(expected):
        return _whole(actual, expected, limit)
    return _inexact(widened(actual), widened(expected), limit)


def widened(array: Array) -> NDArray[Any]:
    """In float64 or complex128, which hold every value of the narrower types; a signalling NaN becomes a quiet one."""
    with np.errstate(invalid="ignore"):
        return np.asarray(array).astype(np.complex128 if np.iscomplexobj(array) else np.float64)


def _is_whole(array: Array) -> bool:
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
    safe_actual, safe_expected = np.where(finite, actual, 0), np.where(finite, expected, 0)
    with np.errstate(over="ignore"):
        distance = np.asarray(np.abs(safe_actual - safe_expected), dtype=np.float64)
        magnitude = np.asarray(np.abs(safe_expected), dtype=np.float64)
        allowed = limit.atol + limit.rtol * magnitude
    mismatch = np.asarray(pattern | ~(distance <= allowed))
    return Differences(mismatch, pattern, finite, np.where(pattern, np.inf, distance), magnitude)


def _same_pattern(actual: NDArray[Any], expected: NDArray[Any]) -> Mask:
    """Where NaN stands for NaN and an infinity for the same infinity; for complex numbers in each part."""
    if np.iscomplexobj(actual):
        return _same_pattern(actual.real, expected.real) & _same_pattern(actual.imag, expected.imag)
    nan = np.isnan(actual) & np.isnan(expected)
    infinite = np.isinf(actual) & (actual == expected)
    return np.asarray(nan | infinite | (np.isfinite(actual) & np.isfinite(expected)))

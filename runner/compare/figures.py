"""Differences become the figures of a report: largest errors, where, and how well two arrays correlate."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runner.compare.elements import Differences, widened
from runner.tensors import Array


def max_abs(found: Differences) -> float | None:
    """The largest |a - e| over elements finite on both sides; None where there are none, or beyond float64."""
    return _largest(found.distance[found.finite])


def max_rel(found: Differences) -> float | None:
    """The largest |a - e| / |e| over elements finite on both sides whose expected value is not 0."""
    usable = found.finite & (found.magnitude > 0)
    with np.errstate(over="ignore"):
        return _largest(found.distance[usable] / found.magnitude[usable])


def _largest(values: NDArray[Any]) -> float | None:
    if values.size == 0:
        return None
    largest = float(values.max())
    return largest if math.isfinite(largest) else None


def worst_index(found: Differences) -> tuple[int, ...] | None:
    """Where the largest difference is (the first of equals); a wrong NaN or infinity is larger than any number."""
    if found.distance.size == 0 or not found.distance.any():
        return None
    flat = int(np.argmax(found.distance))
    return tuple(int(each) for each in np.unravel_index(flat, found.distance.shape))


def pcc(actual: Array, expected: Array) -> float | None:
    """Pearson's correlation over the elements finite on both sides.

    None where it is undefined: for complex values, for fewer than two elements, and when either side is constant (but 1
    when both sides are equal).
    """
    if np.iscomplexobj(expected):
        return None
    a, e = widened(actual).reshape(-1), widened(expected).reshape(-1)
    finite = np.isfinite(a) & np.isfinite(e)
    a, e = a[finite], e[finite]
    if a.size < 2:  # noqa: PLR2004 - one point has no correlation
        return None
    if np.array_equal(a, e):
        return 1.0
    a, e = _centred(a), _centred(e)
    norm = math.sqrt(float(a @ a)) * math.sqrt(float(e @ e))
    return max(-1.0, min(1.0, float(a @ e) / norm)) if norm > 0 else None


def _centred(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scaled into [-1, 1] first, so that no square overflows or vanishes; a constant becomes zeros."""
    if values.min() == values.max():
        return np.zeros_like(values)
    scaled = values / np.abs(values).max()
    centred: NDArray[np.float64] = scaled - scaled.mean()
    return centred

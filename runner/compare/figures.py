"""Differences become the figures of a report: largest errors, where, and how well two arrays agree in direction."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runner.compare.elements import Differences, Floats, widened
from runner.tensors import Array


def max_abs(found: Differences) -> float | None:
    """The largest |a - e| over elements finite on both sides; None where there are none, or beyond float64."""
    largest = _largest(found.distance[found.finite])
    return None if largest is None else _finite(largest / found.unit)


def max_rel(found: Differences) -> float | None:
    """The largest |a - e| / |e| over elements finite on both sides whose expected value is not 0."""
    usable = found.finite & (found.magnitude > 0)
    with np.errstate(over="ignore"):
        return _largest(found.distance[usable] / found.magnitude[usable])


def relative_atol(found: Differences) -> float | None:
    """``max_abs`` over the largest finite |e|: 0 where nothing differs, None where the golden has but zeros."""
    distance = _largest(found.distance[found.finite])
    magnitude = _largest(found.magnitude[found.finite])
    if not distance or magnitude is None:
        return distance
    return _finite(distance / magnitude) if magnitude else None


def _largest(values: NDArray[Any]) -> float | None:
    return None if values.size == 0 else _finite(float(values.max()))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def worst_index(found: Differences) -> tuple[int, ...] | None:
    """Where the largest difference is (the first of equals); a wrong NaN or infinity is larger than any number."""
    if found.distance.size == 0 or not found.distance.any():
        return None
    flat = int(np.argmax(found.distance))
    return tuple(int(each) for each in np.unravel_index(flat, found.distance.shape))


def pcc(actual: Array, expected: Array) -> float | None:
    """Pearson's correlation over the elements finite on both sides; of complex numbers over both parts.

    1 where both sides are equal, 0 where only the actual one is constant; None for fewer than two elements and where
    the expected side is constant.
    """
    a, e = _points(actual, expected)
    if len(e) < 2:  # noqa: PLR2004 - one point has no correlation
        return None
    if np.array_equal(a, e):
        return 1.0
    return _direction(_centred(a), _centred(e))


def cosine(actual: Array, expected: Array) -> float | None:
    """The cosine of the angle between both sides as vectors, over the same elements; the real part for complex ones.

    1 where both sides are equal, 0 where only the actual one is all zeros; None where the expected one is, and where
    there is no element.
    """
    a, e = _points(actual, expected)
    if not len(e):
        return None
    if np.array_equal(a, e):
        return 1.0
    return _direction(_unit(a), _unit(e))


def _points(actual: Array, expected: Array) -> tuple[Floats, Floats]:
    """One row an element that is finite on both sides: its value, or both parts of it."""
    a, e = widened(actual).reshape(-1), widened(expected).reshape(-1)
    finite = np.isfinite(a) & np.isfinite(e)
    parts = 2 if np.iscomplexobj(e) else 1
    a, e = (each[finite].view(np.float64).reshape(-1, parts) for each in (a, e))
    return a, e


def _direction(a: Floats, e: Floats) -> float | None:
    """The cosine between what `_unit` made; undefined where there is no direction to meet."""
    if not e.any():
        return None
    if not a.any():
        return 0.0
    a, e = a.reshape(-1), e.reshape(-1)
    return max(-1.0, min(1.0, float(a @ e) / (math.sqrt(float(a @ a)) * math.sqrt(float(e @ e)))))


def _centred(values: Floats) -> Floats:
    """Each part less its mean; a constant part becomes zeros, whatever its mean is rounded to."""
    scaled = _unit(values)
    constant = scaled.min(axis=0) == scaled.max(axis=0)
    return _unit(np.where(constant, 0, scaled - scaled.mean(axis=0)))


def _unit(values: Floats) -> Floats:
    """Scaled into [-1, 1], so that no square overflows, and not all vanish."""
    largest = np.abs(values).max()
    return values / largest if largest > 0 else values

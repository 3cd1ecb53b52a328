"""A slow comparison, element by element in plain Python, against which the fast one is checked."""

from __future__ import annotations

import cmath
import math
from collections.abc import Iterator
from typing import Any

import numpy as np


def same(actual: Any, expected: Any, *, atol: float, rtol: float) -> bool:
    """Whether one element passes; Python's own numbers on both sides."""
    if isinstance(expected, complex):
        if not (cmath.isfinite(actual) and cmath.isfinite(expected)):
            parts = ((actual.real, expected.real), (actual.imag, expected.imag))
            if not all(_same_part(a, e) for a, e in parts):
                return False
            actual, expected = (complex(*each) for each in zip(*map(_comparable, parts), strict=True))
        return bool(abs(actual - expected) <= atol + rtol * abs(expected))
    if isinstance(expected, float):
        if not (math.isfinite(actual) and math.isfinite(expected)):
            return _same_part(actual, expected)
        return bool(abs(actual - expected) <= atol + rtol * abs(expected))
    return bool(actual == expected or abs(int(actual) - int(expected)) <= atol + rtol * abs(int(expected)))


def _same_part(actual: float, expected: float) -> bool:
    if math.isfinite(actual) and math.isfinite(expected):
        return True
    return (math.isnan(actual) and math.isnan(expected)) or actual == expected


def _comparable(part: tuple[float, float]) -> tuple[float, float]:
    """A part of a complex number where it is finite on both sides, elsewhere nothing to compare: its pattern was."""
    return part if all(map(math.isfinite, part)) else (0.0, 0.0)


def elements(array: np.ndarray[Any, Any]) -> Iterator[Any]:
    """The elements as Python numbers."""
    for each in array.reshape(-1):
        if array.dtype.kind == "c":
            yield complex(each)
        elif array.dtype.kind == "b" or "int" in array.dtype.name:
            yield int(each)
        else:
            yield float(each)


def mismatched(actual: np.ndarray[Any, Any], expected: np.ndarray[Any, Any], *, atol: float, rtol: float) -> int:
    """How many elements do not pass."""
    pairs = zip(elements(actual), elements(expected), strict=True)
    return sum(not same(a, e, atol=atol, rtol=rtol) for a, e in pairs)


def pearson(actual: np.ndarray[Any, Any], expected: np.ndarray[Any, Any]) -> float | None:
    """The correlation over elements finite on both sides, by the textbook; None where either side is constant."""
    pairs = [(a, e) for a, e in zip(elements(actual), elements(expected), strict=True) if math.isfinite(a + e)]
    if len(pairs) < 2 or len({a for a, _ in pairs}) == 1 or len({e for _, e in pairs}) == 1:
        return None
    mean_a, mean_e = (math.fsum(each) / len(pairs) for each in zip(*pairs, strict=True))
    covariance = math.fsum((a - mean_a) * (e - mean_e) for a, e in pairs)
    return (
        covariance
        / math.sqrt(math.fsum((a - mean_a) ** 2 for a, _ in pairs))
        / math.sqrt(math.fsum((e - mean_e) ** 2 for _, e in pairs))
    )

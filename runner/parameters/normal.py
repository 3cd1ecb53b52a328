"""Random bits become normally distributed numbers by integer arithmetic: the same bits everywhere and for ever.

NumPy's own normal numbers come from the C library's functions and may change between its versions. Here the quantile
function is a table of integers with straight lines between its points.
"""

from __future__ import annotations

import functools
import hashlib
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

DEVIATION = 0.01
_BINS = 14  # as a power of two
_FRACTION = 18  # the other bits of 32
_UNIT = 20  # the table's integers are multiples of 2**-20
#: SHA-256 of the table as little-endian int64. No point of it lies nearer than 5e-11 to where it would be rounded
#: otherwise, so that no C library's logarithm can change it.
TABLE_DIGEST = "252c0ceb5d0f9ef32e23273c940d59286038c6168363c95279d01733767211d0"


@functools.cache
def table() -> npt.NDArray[np.int64]:
    """The standard normal quantiles of k / 2**14, times 2**20; the two ends are those of a quarter of a bin."""
    count = 1 << _BINS
    inverse = NormalDist().inv_cdf
    places = [0.25 / count, *(number / count for number in range(1, count)), 1 - 0.25 / count]
    points = np.array([round(inverse(place) * (1 << _UNIT)) for place in places], dtype=np.int64)
    if hashlib.sha256(points.astype("<i8").tobytes()).hexdigest() != TABLE_DIGEST:
        msg = "the table of normal quantiles came out differently on this machine"
        raise ArithmeticError(msg)
    return points


def normal(bits: npt.NDArray[np.uint32]) -> npt.NDArray[np.float64]:
    """Numbers of mean 0 and standard deviation 0.01, one for each 32 random bits; shape [n] gives [n]."""
    points = table()
    place: npt.NDArray[Any] = bits >> np.uint32(_FRACTION)
    along = (bits & np.uint32((1 << _FRACTION) - 1)).astype(np.int64)
    low = points[place]
    value = (low << _FRACTION) + (points[place + np.uint32(1)] - low) * along
    scaled: npt.NDArray[np.float64] = value * (DEVIATION / (1 << (_UNIT + _FRACTION)))
    return scaled

"""A large product of matrices becomes its value by NumPy: the reference interpreter would take minutes for it."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np

from runner.tensors import Array

NAME = "stablehlo.dot_general"
NUMBERS = "dot_dimension_numbers"
#: So many multiplications are left to the interpreter, which does about a million a second.
FEW = 1 << 22
_WHAT = ("batching", "contracting")
_NUMBERS = re.compile(r"(\w+)_dimensions = \[([\d, ]*)\]")


def products(numbers: str, lhs: Array, rhs: Array) -> int:
    """How many multiplications it takes."""
    read = _read(numbers)
    free = [
        size for place, size in enumerate(rhs.shape) if place not in (*read["rhs_batching"], *read["rhs_contracting"])
    ]
    return math.prod([int(lhs.size), *free])


def dot_general(numbers: str, lhs: Array, rhs: Array, dtype: np.dtype[np.generic]) -> Array:
    """Batches, then what is left of both sides, as StableHLO defines it; sums in double precision or 64 bits."""
    read = _read(numbers)
    wide = np.float64 if dtype.kind not in "iubc" else np.complex128 if dtype.kind == "c" else np.int64
    batch = [lhs.shape[place] for place in read["lhs_batching"]]
    left, left_free = _matrix(lhs.astype(wide), read["lhs_batching"], read["lhs_contracting"], last=True)
    right, right_free = _matrix(rhs.astype(wide), read["rhs_batching"], read["rhs_contracting"], last=False)
    product: Array = np.matmul(left, right)
    return product.reshape([*batch, *left_free, *right_free]).astype(dtype)


def _read(numbers: str) -> dict[str, list[int]]:
    found = {name: [int(each) for each in text.split(",") if each.strip()] for name, text in _NUMBERS.findall(numbers)}
    return {f"{side}_{what}": found.get(f"{side}_{what}", []) for side in ("lhs", "rhs") for what in _WHAT}


def _matrix(array: Array, batch: Sequence[int], contracted: Sequence[int], *, last: bool) -> tuple[Array, list[int]]:
    free = [place for place in range(array.ndim) if place not in (*batch, *contracted)]
    order = [*batch, *free, *contracted] if last else [*batch, *contracted, *free]
    sizes = [array.shape[place] for place in free]
    rows, columns = math.prod(sizes), math.prod(array.shape[place] for place in contracted)
    shape = (rows, columns) if last else (columns, rows)
    batches = [array.shape[place] for place in batch]
    return np.transpose(array, order).reshape(math.prod(batches), *shape), sizes

"""A case's tolerance and an element type become the numbers of ``|a - e| <= atol + rtol * |e|``."""

from __future__ import annotations

from typing import NamedTuple

from schemas.case import Tolerance


class Bound(NamedTuple):
    """``|a - e| <= atol + rtol * |e|``; both 0 means exact.

    Where ``relative`` is given, it times the largest finite ``|e|`` of the output stands in place of ``atol``.
    """

    atol: float
    rtol: float
    relative: float | None = None


EXACT = Bound(0.0, 0.0)

#: atol is iree-run-module's for the type, rtol that of ONNX's own backend tests (1e-3), wider where the type's own
#: precision is coarser. Integers, booleans and the 8- and 4-bit floats (results of a conversion, which has one right
#: answer) are exact.
DEFAULTS: dict[str, Bound] = {
    "float64": Bound(1e-4, 1e-3),
    "float32": Bound(1e-4, 1e-3),
    "complex128": Bound(1e-4, 1e-3),
    "complex64": Bound(1e-4, 1e-3),
    "float16": Bound(1e-3, 4e-3),
    "bfloat16": Bound(1e-2, 2e-2),
}


def bound(dtype: str, tolerance: Tolerance) -> Bound:
    """The bound for one element type: what the case says, else the type's default.

    ``relative_atol`` is heard for floats and complex numbers alone: whole numbers are often names (token ids, indices),
    and a large one must not excuse a small one.
    """
    default = DEFAULTS.get(dtype, EXACT)
    return Bound(
        default.atol if tolerance.atol is None else tolerance.atol,
        default.rtol if tolerance.rtol is None else tolerance.rtol,
        tolerance.relative_atol if "float" in dtype or "complex" in dtype else None,
    )

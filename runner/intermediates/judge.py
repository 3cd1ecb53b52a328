"""One value, golden and compiled, becomes a comparison by the case's tolerance, fit for values of any size. Pure."""

from __future__ import annotations

import msgspec
import numpy as np

from runner.compare import compare
from runner.compare.elements import is_whole
from runner.compare.tolerances import bound
from runner.intermediates.values import Value
from runner.tensors import Array
from runner.work import Golden
from schemas.case import Case, Tolerance
from schemas.record import OutputComparison

#: Larger magnitudes are no measure of a value: masks stand for minus infinity by the largest number there is.
_SENTINEL = 1e30
#: Values that are nowhere larger are rounding noise around zero, in which no correlation can be expected.
_NOISE = {"float16": 1e-3, "bfloat16": 1e-3}
_NOISE_ELSE = 1e-6
_DEMOTED = {"float64": np.dtype(np.float32), "complex128": np.dtype(np.complex64)}


def compare_value(value: Value, golden: Array, actual: Array, case: Case) -> OutputComparison:
    """The comparison under the value's name and operator; it is passed where the value does not diverge."""
    expected = as_demoted(golden, actual)
    accepted = tolerance_for(case.accepted, expected)
    verdict = compare((Golden(str(value), expected),), (actual,), accepted, case.checks)
    found = verdict.comparisons[0]
    empty = found.total == 0 and not found.reason
    return msgspec.structs.replace(found, passed=True) if empty else found


def as_demoted(golden: Array, actual: Array) -> Array:
    """The golden in single precision where the compiler has demoted double precision, as it does by default."""
    demoted = _DEMOTED.get(golden.dtype.name)
    if demoted is None or actual.dtype != demoted:
        return golden
    with np.errstate(over="ignore"):
        return golden.astype(demoted)


def tolerance_for(accepted: Tolerance, golden: Array) -> Tolerance:
    """The case's tolerance for one value.

    ``atol`` is meant for a model's outputs; of a value with larger magnitudes it is that part of the largest one.
    Whole numbers keep theirs.
    """
    if is_whole(golden):
        return accepted
    largest = _largest(golden)
    limit = bound(golden.dtype.name, accepted)
    atol = limit.atol * max(1.0, largest) if limit.relative is None else limit.relative * largest
    noise = largest < _NOISE.get(golden.dtype.name, _NOISE_ELSE)
    return Tolerance(atol=atol, rtol=limit.rtol, pcc=None if noise else accepted.pcc)


def _largest(golden: Array) -> float:
    magnitudes = np.abs(golden.astype(np.complex128 if np.iscomplexobj(golden) else np.float64))
    usable = magnitudes[np.isfinite(magnitudes) & (magnitudes < _SENTINEL)]
    return float(usable.max(initial=0.0))

"""What a model file's hooks return becomes arrays by name that are worth comparing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from runner.failures import StageFailure
from runner.tensors import Array
from suites.models.base import Tester

CONSTANT = "golden output is constant: comparing it proves nothing"


def is_overridden(tester: Tester, base: object, hooks: Sequence[str]) -> bool:
    """Whether a model has code of its own for one of the hooks that the class ``base`` has defaults of."""
    kind = type(tester)
    return any(hook in vars(tester) or getattr(kind, hook) is not getattr(base, hook) for hook in hooks)


def refuse_constant(golden: Mapping[str, Array]) -> None:
    """Raise StageFailure where a whole output is one value."""
    constant = [name for name, value in golden.items() if is_constant(value)]
    if constant:
        what = f"{', '.join(constant)}: every element is the same"
        remedy = "give weights and inputs that vary, or set outputs_vary = False where that is what the model is for"
        raise StageFailure(CONSTANT, f"{what}\nmend: {remedy}")


def is_constant(value: Array) -> bool:
    """Whether there are two elements or more and the finite ones are all equal (or there are none)."""
    if value.size < 2:  # noqa: PLR2004 - one element cannot vary
        return False
    wide = value.astype(np.complex128 if np.iscomplexobj(value) else np.float64)
    finite = wide[np.isfinite(wide)]
    return finite.size == 0 or bool((finite == finite[0]).all())

"""Formulas become .npy files, with the very numbers that the tool they were written for draws.

Source: iree-test-suites, torch_ops/common.py: `numpy.random.seed(seed)`, then for each argument in order
`(coeff * numpy.random.rand(*shape) + offset).astype(dtype)`, in float64 until the cast.
"""

from __future__ import annotations

import pathlib

from schemas.errors import InfraError
from schemas.imported import Definition, Formula


def write(definition: Definition, folder: pathlib.Path) -> dict[Formula, list[pathlib.Path]]:
    """Files by formula; one that is used twice has two, with values of their own.

    Raises InfraError for a type that NumPy has not.
    """
    wanted = [each for each in definition.inputs if isinstance(each, Formula)]
    if not wanted:
        return {}
    import numpy as np  # noqa: PLC0415 - few definitions have formulas

    generator = np.random.RandomState(definition.seed)  # what numpy.random.seed and .rand are
    made: dict[Formula, list[pathlib.Path]] = {}
    for number, formula in enumerate(wanted):
        path = folder / f"input_{number}.npy"
        try:
            dtype = np.dtype(formula.dtype)
        except TypeError as error:
            raise InfraError(f"formula: NumPy has no type {formula.dtype!r}", "mend `dtype` in the test") from error
        values = formula.coeff * generator.rand(*formula.shape) + formula.offset
        np.save(path, np.asarray(values).astype(dtype))
        made.setdefault(formula, []).append(path)
    return made

"""Outputs of a definition whose own tool compares by NumPy: written by the runtime, then held against .npy files."""

from __future__ import annotations

from runner.tools import invoke
from runner.work import Golden, Work, present
from schemas.errors import InfraError
from schemas.imported import AllClose, Definition
from schemas.record import ErrorInfo


def run(work: Work, definition: Definition, command: list[str]) -> None:
    """Call the function and load what it wrote. Raises StageFailure, and InfraError for an unreadable golden."""
    import numpy as np  # noqa: PLC0415 - few definitions are compared so

    paths = [work.folder / f"output_{number}.npy" for number in range(len(definition.expected))]
    argv = [*command, *work.runtime_flags, *(f"--output=@{path}" for path in paths)]
    invoke(work, argv)
    work.outputs = tuple(np.load(path, allow_pickle=False) for path in paths)
    goldens = []
    for number, each in enumerate(definition.expected):
        path = work.job.places[each.place]
        try:
            goldens.append(Golden(f"result_{number}", np.load(path, allow_pickle=False)))
        except (OSError, ValueError) as error:
            raise InfraError(f"{path}: {error}", "the expected output must be a .npy file") from error
    work.golden = tuple(goldens)


def refusal(work: Work, close: AllClose) -> ErrorInfo | None:
    """What `numpy.allclose(actual, expected)` of their tool says no to: broadcasting included, as it has it."""
    import numpy as np  # noqa: PLC0415 - as above

    outputs, goldens = present(work.outputs, "outputs"), present(work.golden, "golden")
    for number, (actual, golden) in enumerate(zip(outputs, goldens, strict=True)):
        expected = golden.value
        try:
            good = np.isclose(actual, expected, rtol=close.rtol, atol=close.atol, equal_nan=close.equal_nan)
        except ValueError as error:
            return ErrorInfo(signature=f"result[{number}]: shapes differ", excerpt=str(error))
        if not good.all():
            excerpt = f"{int(np.size(good) - np.count_nonzero(good))} of {np.size(good)} elements differ by more than "
            excerpt += f"atol {close.atol:g} + rtol {close.rtol:g} * |expected|"
            return ErrorInfo(signature=f"result[{number}]: elements differ", excerpt=excerpt)
    return None

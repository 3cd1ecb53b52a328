"""What each stage does to the work of a definition's case: one short step a stage."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Callable

from runner.failures import StageFailure
from runner.imported import arguments, benchmarking, close, compiling, running
from runner.work import Work, present
from schemas.errors import InfraError
from schemas.imported import Definition
from schemas.words import Stage

_NOTHING_EXPECTED = "the definition expects no outputs: that it ran is all that is known"


def setup(work: Work) -> None:
    """Look whether everything that the definition names is here."""
    work.frontend.setup()
    arguments.look_for_files(work, _definition(work))


def compilation(work: Work) -> None:
    """Modules to compiled modules."""
    compiling.compile_modules(work, _definition(work))


def construct_inputs(work: Work) -> None:
    """Archives, inputs and where outputs go."""
    work.arguments = arguments.arguments(work, _definition(work))


def compiled_inference(work: Work) -> None:
    """Run by iree-run-module, which compares as well."""
    definition = _definition(work)
    running.run(work, definition)
    if not definition.expected and not definition.flagfile:
        work.notes = (*work.notes, _NOTHING_EXPECTED)


def comparison(work: Work) -> None:
    """The verdict of the tool that the definition was made for."""
    definition = _definition(work)
    if definition.allclose is not None:
        work.refusal = close.refusal(work, definition.allclose)
    if definition.strict:
        from runner.imported.strict import compare_strictly  # noqa: PLC0415 - loads numpy, and few entries ask for it

        compare_strictly(work, definition)
    elif definition.allclose is not None:
        from runner.imported.strict import note_findings  # noqa: PLC0415 - likewise

        note_findings(work)
    if work.refusal is not None:
        raise StageFailure(work.refusal.signature, work.refusal.excerpt)


def benchmark(work: Work) -> None:
    """Time, dispatches and size against goldens."""
    benchmarking.benchmark(work, _definition(work))


def _definition(work: Work) -> Definition:
    return present(work.job.case.definition, "definition")


def _there(step: Callable[[Work], None]) -> Callable[[Work], None]:
    """The step with every tool started in the definition's folder, where its relative paths begin.

    The whole process goes there: it is the case's own, and whoever reads a flag's files reads the tool's.
    """

    def run(work: Work) -> None:
        folder = work.job.places.get(_definition(work).cwd, "")
        if not pathlib.Path(folder or ".").is_dir():
            raise InfraError(f"source not available: there is no folder {folder}", "fetch the suite's files")
        with contextlib.chdir(folder or "."):
            step(work)

    return run


STEPS: dict[Stage, Callable[[Work], None]] = {
    stage: _there(step)
    for stage, step in (
        (Stage.SETUP, setup),
        (Stage.COMPILATION, compilation),
        (Stage.CONSTRUCT_INPUTS, construct_inputs),
        (Stage.COMPILED_INFERENCE, compiled_inference),
        (Stage.COMPARISON, comparison),
        (Stage.BENCHMARK, benchmark),
    )
}

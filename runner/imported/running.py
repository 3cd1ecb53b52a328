"""The compiled modules of a definition run as their own tool runs them: the tool's verdict is kept for comparison."""

from __future__ import annotations

import pathlib
import re

from runner import signature
from runner.imported import arguments, close
from runner.imported.compiling import named
from runner.tools import attempt, failure_of, said_since
from runner.work import Work, present
from schemas.imported import Definition
from schemas.record import ErrorInfo

#: What iree-run-module prints for results that are not the expected ones, and for too few or too many of them.
_REFUSED = re.compile(r"^\[FAILED\] (?P<why>.*)$", re.MULTILINE)


def command(work: Work, definition: Definition, tool: str) -> list[str]:
    """The tool's command line without what it is expected to give, in the order of the definitions' own tools."""
    return [
        tool,
        *(f"--module={path}" for path in loaded(work, definition)),
        *((f"--device={definition.device}",) if definition.device else ()),
        *((f"--function={definition.function}",) if definition.function else ()),
        *present(work.arguments, "arguments"),
    ]


def loaded(work: Work, definition: Definition) -> tuple[pathlib.Path, ...]:
    """The compiled modules that are run with, in order."""
    compiled = (present(work.compiled, "compiled module"), *work.further_compiled)
    return compiled[: definition.loaded or len(named(definition))]


def own_flags(work: Work, definition: Definition) -> tuple[str, ...]:
    """The definition's flags of the runtime, then the manifest's."""
    return (*definition.run_flags, *work.job.case.run_flags)


def run(work: Work, definition: Definition) -> None:
    """Call the function; raises StageFailure where it cannot be run.

    Results that the tool refuses are no failure of running: they are kept in ``work.refusal`` for the comparison.
    """
    flagfile = (f"--flagfile={definition.flagfile}",) if definition.flagfile else ()
    work.runtime_flags = (*own_flags(work, definition), *flagfile)
    if definition.allclose is not None:
        close.run(work, definition, command(work, definition, work.job.toolchain.iree_run_module))
        return
    argv = [
        *command(work, definition, work.job.toolchain.iree_run_module),
        *arguments.expected(work, definition),
        *work.runtime_flags,
    ]
    made = attempt(work, argv)
    failure = failure_of(work, made)
    if failure is None:
        return
    said = said_since(work, made.start)
    refused = _REFUSED.search(said)
    if made.result.signal is not None or refused is None:
        raise failure
    excerpt = "\n".join(said[refused.start() :].splitlines()[:20])
    work.refusal = ErrorInfo(signature=signature.normalise(refused["why"]), excerpt=excerpt)

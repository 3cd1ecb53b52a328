"""What a definition runs on becomes the arguments of the tools: archives of weights, inputs, expected outputs."""

from __future__ import annotations

import pathlib
import re

from runner.imported import formulas
from runner.imported.weights import archive_of
from runner.sources.imported import refuse_pointer
from runner.work import Work
from schemas.errors import InfraError
from schemas.imported import Argument, ArgumentFile, Definition, Formula

_FILE = re.compile(r"(?:^|=)@(?P<path>.+)$")


def arguments(work: Work, definition: Definition) -> tuple[str, ...]:
    """Archives of weights, inputs, and where outputs go, in the order in which their tools give them.

    Raises InfraError for a file that is not here.
    """
    return (
        *(f"--parameters={_scoped(each.scope, archive_of(work, each))}" for each in definition.weights),
        *inputs(work, definition),
        *(f"--output={_value(work, definition, each)}" for each in definition.outputs),
    )


def inputs(work: Work, definition: Definition) -> tuple[str, ...]:
    """One `--input=` each; made-up values come from one generator, in their order."""
    made = formulas.write(definition, work.folder)
    return tuple(f"--input={_given(work, definition, each, made)}" for each in definition.inputs)


def expected(work: Work, definition: Definition) -> tuple[str, ...]:
    """One `--expected_output=` each; none where NumPy compares instead of the runtime."""
    if definition.allclose is not None:
        return ()
    return tuple(f"--expected_output={_value(work, definition, each)}" for each in definition.expected)


def flags_of_file(work: Work, definition: Definition) -> tuple[str, ...]:
    """The lines of the definition's own file of runtime flags; raises InfraError where it is not here."""
    if not definition.flagfile:
        return ()
    path = _folder(work, definition) / definition.flagfile
    try:
        lines = path.read_text().splitlines()
    except OSError as error:
        raise InfraError(f"{path}: {error.strerror or error}", "fetch the suite's files") from error
    return tuple(line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#"))


def look_for_files(work: Work, definition: Definition) -> None:
    """Raise InfraError for an input or an expected output that names a file which is not here."""
    told = [each.value for each in (*definition.inputs, *definition.expected) if isinstance(each, ArgumentFile)]
    for flag in flags_of_file(work, definition):
        name, _, value = flag.partition("=")
        told += [value] if name in ("--input", "--expected_output") else []
    for value in told:
        match = _FILE.search(value)
        path = _folder(work, definition) / match["path"] if match else None
        if path is None:
            continue
        if not path.is_file():
            raise InfraError(f"source not available: {path}", "fetch the suite's files, or mend the path")
        refuse_pointer(path)


def _given(work: Work, definition: Definition, argument: Argument, made: dict[Formula, list[pathlib.Path]]) -> str:
    if isinstance(argument, Formula):
        return f"@{made[argument].pop(0)}"
    return _value(work, definition, argument)


def _value(work: Work, definition: Definition, argument: ArgumentFile) -> str:
    del definition
    file = f"@{work.job.places[argument.place]}" if argument.place else ""
    return "=".join(filter(None, (argument.value, file)))


def _scoped(scope: str, archive: pathlib.Path) -> str:
    return f"{scope}={archive}" if scope else str(archive)


def _folder(work: Work, definition: Definition) -> pathlib.Path:
    return pathlib.Path(work.job.places[definition.cwd])

"""Where things lie in a bundle's folder, and which of them a state speaks of."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Iterator

from schemas.bundle import Artefact, State, StoredTensor
from schemas.case import Case
from schemas.words import SourceKind
from suites.locator import PythonLocator, parse_locator

#: The case's working folder becomes this one; the model's own files are copied into the other.
ARTEFACTS = "artefacts"
SOURCE = "source"
#: In a working folder: the state so far, as the case's process wrote it after its last finished stage.
STATE_FILE = "state.json"


def folder_name(case: Case) -> str:
    """``onnx/node/test_abs__onnx``: the key without its @, which the runtime takes for syntax in a module's path."""
    return case.key.replace("@", "__")


def files_of(state: State, artefact: Artefact) -> tuple[str, ...] | None:
    """The files that hold an artefact; None where the state has none, and for SOURCE and MODEL."""
    find = _FILES.get(artefact)
    return None if find is None else find(state)


def stored_files(state: State) -> Iterator[tuple[str, Artefact]]:
    """Every file that a state names, with what it holds; a file may come more than once."""
    for artefact in Artefact:
        for file in files_of(state, artefact) or ():
            yield file, artefact


def portable_locator(case: Case) -> str:
    """The source's locator, of an absolute path only the file's name: the path means nothing elsewhere."""
    locator = case.source.locator
    if case.source.kind is SourceKind.PYTHON and (python := parse_locator(locator)) is not None:
        if not pathlib.PurePath(python.path).is_absolute():
            return locator
        return str(PythonLocator(pathlib.PurePath(python.path).name, python.tester, python.variant))
    if case.source.kind in (SourceKind.ONNX_FILE, SourceKind.MLIR_FILE) and pathlib.PurePath(locator).is_absolute():
        return pathlib.PurePath(locator).name
    return locator


def _files(*lists: tuple[StoredTensor, ...] | None) -> tuple[str, ...] | None:
    """The files of those lists that are there; None where none is."""
    if all(tensors is None for tensors in lists):
        return None
    return tuple(each.file for tensors in lists for each in tensors or ())


def _of_modules(state: State, *, code: bool) -> tuple[str, ...] | None:
    if state.imported is None:
        return None
    modules = (state.imported, *state.further)
    return tuple(filter(None, (each.file if code else each.parameters for each in modules)))


_FILES: dict[Artefact, Callable[[State], tuple[str, ...] | None]] = {
    Artefact.MODULE: lambda state: _of_modules(state, code=True),
    Artefact.ENTRY: lambda state: _of_modules(state, code=False),
    Artefact.LOWERED: lambda state: None if state.lowered is None else (state.lowered, *state.further_lowered),
    Artefact.COMPILED: lambda state: None if state.compiled is None else (state.compiled, *state.further_compiled),
    Artefact.INPUTS: lambda state: _files(state.inputs),
    Artefact.GOLDEN: lambda state: _files(state.golden),
    Artefact.OUTPUTS: lambda state: _files(state.outputs),
    Artefact.PROCESSED: lambda state: _files(state.processed_golden, state.processed_outputs),
}

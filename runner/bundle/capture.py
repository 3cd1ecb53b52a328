"""What a case's stages leave in its process becomes files of its working folder, and a state that names them."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Callable, Sequence

import msgspec

from runner.bundle import arrays
from runner.bundle.layout import ARTEFACTS, STATE_FILE
from runner.tensors import Array
from runner.work import Imported, Plain, Work
from schemas.bundle import State, StoredModule, StoredPiece, StoredTensor
from schemas.codec import encode
from schemas.record import Flags
from schemas.words import SourceKind, Stage

Changes = dict[str, object]


class Capture:
    """Follows one case; ``state.json`` says after every stage what its folder holds."""

    def __init__(self, work: Work, notes: Callable[[], tuple[str, ...]]) -> None:
        self._work = work
        self._notes = notes
        self._state = State()

    def after(self, stage: Stage) -> None:
        """Store what ``stage`` has left. Raises OSError where there is no room for it.

        An array that cannot be stored is left out: it must not change what becomes of the case.
        """
        self._write(_CHANGES[stage](self._work, self._state))

    def source(self) -> None:
        """Name the source's files after a failed ``setup``, as far as they are known; what is wrong is told already."""
        with contextlib.suppress(Exception):
            self._write(_setup(self._work, self._state))

    def _write(self, changes: Changes) -> None:
        metrics, notes = dict(self._work.metrics), self._notes()
        state = msgspec.structs.replace(self._state, **changes, metrics=metrics, notes=notes, flags=_flags(self._work))
        self._state = state
        path = self._work.folder / STATE_FILE
        scratch = path.with_suffix(".tmp")
        scratch.write_bytes(encode(state))
        scratch.replace(path)


def _setup(work: Work, _state: State) -> Changes:
    root = _root(work)
    files = (pathlib.Path(each).absolute() for each in work.frontend.source_files())
    return {"source_files": tuple(sorted({each.relative_to(root).as_posix() for each in files if _below(each, root)}))}


def _import_model(work: Work, _state: State) -> Changes:
    stored = [_stored_module(work, each) for each in (work.imported.all if work.imported is not None else ())]
    whole = [each for each in stored if each is not None]
    if not whole or len(whole) < len(stored):
        return {"imported": None, "further": ()}
    return {"imported": whole[0], "further": tuple(whole[1:])}


def _stored_module(work: Work, module: Imported) -> StoredModule | None:
    """None where an import flag has put something elsewhere."""
    scope, parameters = module.parameters or ("", None)
    if not all(_below(each, work.folder) for each in (module.module, parameters) if each is not None):
        return None
    piece = module.piece
    return StoredModule(
        file=_named(work, module.module),
        entry=module.entry.name,
        results=module.entry.results,
        scope=scope,
        parameters=_named(work, parameters) if parameters else "",
        piece=None if piece is None else StoredPiece(digest=piece.digest, changed=piece.changed),
    )


def _preprocess_model(work: Work, _state: State) -> Changes:
    further = tuple(_named(work, each) for each in work.further_lowered)
    return {"lowered": _named(work, work.lowered) if work.lowered is not None else None, "further_lowered": further}


def _compilation(work: Work, _state: State) -> Changes:
    further = tuple(_named(work, each) for each in work.further_compiled)
    return {"compiled": _named(work, work.compiled) if work.compiled is not None else None, "further_compiled": further}


def _construct_inputs(work: Work, _state: State) -> Changes:
    return {"inputs": _stored(work, work.inputs, "input"), "casts": work.casts}


def _native_inference(work: Work, _state: State) -> Changes:
    golden = _stored_golden(work, "golden")
    return {"golden": golden, "casts": work.casts, "plain": golden is not None and _is_plain(work)}


def _is_plain(work: Work) -> bool:
    """Whether nothing that follows needs the model: its code joins the modules where it was imported in pieces."""
    pieces = work.imported is not None and work.imported.piece is not None
    return not pieces and isinstance(work.frontend, Plain) and work.frontend.is_plain(work.golden or ())


def _compiled_inference(work: Work, _state: State) -> Changes:
    return {"outputs": _stored(work, work.outputs, "output")}


def _postprocessing(work: Work, state: State) -> Changes:
    if work.job.case.source.kind is not SourceKind.PYTHON:  # the identity: the same files
        return {"processed_golden": state.golden, "processed_outputs": state.outputs}
    return {
        "processed_golden": _stored_golden(work, "processed_golden"),
        "processed_outputs": _stored(work, work.outputs, "processed_output"),
    }


def _comparison(_work: Work, _state: State) -> Changes:
    return {}


_CHANGES: dict[Stage, Callable[[Work, State], Changes]] = {
    Stage.SETUP: _setup,
    Stage.IMPORT_MODEL: _import_model,
    Stage.PREPROCESS_MODEL: _preprocess_model,
    Stage.COMPILATION: _compilation,
    Stage.CONSTRUCT_INPUTS: _construct_inputs,
    Stage.NATIVE_INFERENCE: _native_inference,
    Stage.COMPILED_INFERENCE: _compiled_inference,
    Stage.POSTPROCESSING: _postprocessing,
    Stage.COMPARISON: _comparison,
    Stage.BENCHMARK: _comparison,
    Stage.OP_BY_OP: _comparison,  # its results are in a journal of their own
}


def _stored_golden(work: Work, stem: str) -> tuple[StoredTensor, ...] | None:
    if work.golden is None:
        return None
    return _stored(work, [each.value for each in work.golden], stem, [each.name for each in work.golden])


def _stored(
    work: Work, values: Sequence[Array] | None, stem: str, names: Sequence[str] = ()
) -> tuple[StoredTensor, ...] | None:
    if values is None:
        return None
    named = zip(values, names or [""] * len(values), strict=True)
    try:
        return tuple(
            arrays.store(value, work.folder / f"{stem}_{number}", ARTEFACTS, name)
            for number, (value, name) in enumerate(named)
        )
    except TypeError:
        return None


def _flags(work: Work) -> Flags:
    """The flags that were given, with the folder's own files named as they are in the bundle."""

    def told(flags: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(flag.replace(f"{work.folder}/", f"{ARTEFACTS}/") for flag in flags)

    return Flags(
        importer=told(work.importer_flags), compiler=told(work.compiler_flags), runtime=told(work.runtime_flags)
    )


def _named(work: Work, path: pathlib.Path) -> str:
    return f"{ARTEFACTS}/{path.relative_to(work.folder).as_posix()}"


def _root(work: Work) -> pathlib.Path:
    source = pathlib.Path(work.job.source).absolute()
    return source if source.is_dir() else source.parent


def _below(path: pathlib.Path, folder: pathlib.Path) -> bool:
    return path.is_relative_to(folder)

"""A bundle's files become what its stages had left, so that the case goes on without them."""

from __future__ import annotations

import pathlib
from collections.abc import Callable

import msgspec

from runner.bundle import arrays
from runner.protocol import Job
from runner.tensors import Array
from runner.work import EntryPoint, Golden, Imported, Piece, Work
from schemas.bundle import BUNDLE_FILE, Bundle, State, StoredModule, StoredTensor
from schemas.codec import decode
from schemas.words import Stage


class StoredFrontend:
    """Stands in for the frontend of a case that needs its model no more; loads neither onnx nor a compiler."""

    def __init__(self, job: Job) -> None:
        bundle = decode((pathlib.Path(job.bundle) / BUNDLE_FILE).read_bytes(), Bundle)
        source = pathlib.Path(job.source)
        root = source if source.is_dir() else source.parent
        self._source_files = tuple(root / name for name in bundle.state.source_files)

    def setup(self) -> None:
        """Nothing is loaded."""
        raise self._absent()

    def source_files(self) -> tuple[pathlib.Path, ...]:
        """As they were in the bundle's run: the model was not read here."""
        return self._source_files

    def import_model(self, folder: pathlib.Path) -> Imported:
        """Planned only beside ``setup``."""
        del folder
        raise self._absent()

    def construct_inputs(self) -> tuple[Array, ...]:
        """Planned only beside ``setup``."""
        raise self._absent()

    def native_inference(self, inputs: tuple[Array, ...]) -> tuple[Golden, ...]:
        """Planned only beside ``setup``."""
        del inputs
        raise self._absent()

    def postprocess(self, outputs: tuple[Array, ...]) -> tuple[Array, ...]:
        """What the module returned: a class's own view would need ``setup``."""
        return outputs

    def postprocess_golden(self, golden: tuple[Golden, ...]) -> tuple[Golden, ...]:
        """Likewise."""
        return golden

    def notes(self) -> tuple[str, ...]:
        """Those of the bundle are kept by ``Restore``."""
        return ()

    @staticmethod
    def _absent() -> LookupError:
        return LookupError("the model is not loaded: setup was not planned")


class Restore:
    """One bundle's artefacts, put into a case's work in place of the stages that made them."""

    def __init__(self, work: Work) -> None:
        self._folder = pathlib.Path(work.job.bundle)
        self._bundle = decode((self._folder / BUNDLE_FILE).read_bytes(), Bundle)
        self._work = work

    @property
    def notes(self) -> tuple[str, ...]:
        """What the bundle's run said of inputs and golden."""
        return self._bundle.state.notes

    def instead_of(self, stage: Stage) -> None:
        """Give the work what ``stage`` left; raises OSError and ValueError where the files are not what they were."""
        _RESTORES[stage](self._work, self._bundle.state, self)

    def link(self, file: str) -> pathlib.Path:
        """A file of the bundle under its own name in the working folder: tools see no path that they may misread."""
        here = self._work.folder / pathlib.PurePosixPath(file).relative_to(pathlib.PurePosixPath(file).parts[0])
        here.parent.mkdir(parents=True, exist_ok=True)
        if not here.is_symlink():
            here.symlink_to((self._folder / file).absolute())
        return here

    def load(self, tensors: tuple[StoredTensor, ...] | None) -> tuple[Array, ...] | None:
        """Arrays, or None where the stage left none or their files are not here."""
        if tensors is None or not all((self._folder / each.file).is_file() for each in tensors):
            return None
        return tuple(arrays.load(each, self._folder) for each in tensors)

    def golden(self, tensors: tuple[StoredTensor, ...] | None) -> tuple[Golden, ...] | None:
        """Expected outputs with their names."""
        values = self.load(tensors)
        if values is None:
            return None
        return tuple(Golden(each.name, value) for each, value in zip(tensors or (), values, strict=True))

    def module(self, stored: StoredModule) -> Imported:
        """A module; where its file was left out, its entry point is known all the same, and running needs no more."""
        parameters, piece = None, None
        if stored.parameters and self.here(stored.parameters):
            parameters = stored.scope, self.link(stored.parameters)
        if stored.piece is not None:
            piece = Piece(stored.piece.digest, stored.piece.changed)
        return Imported(self.link(stored.file), EntryPoint(stored.entry, stored.results), parameters, piece)

    def here(self, file: str | None) -> bool:
        """Whether a file was kept."""
        return bool(file) and (self._folder / str(file)).is_file()


def _setup(_work: Work, _state: State, _restore: Restore) -> None:
    """The loaded model is of no use here: else the stage would be run."""


def _import_model(work: Work, state: State, restore: Restore) -> None:
    work.importer_flags = state.flags.importer
    if state.imported is None:
        return
    first, *further = (restore.module(each) for each in (state.imported, *state.further))
    work.imported = msgspec.structs.replace(first, further=tuple(further))


def _preprocess_model(work: Work, state: State, restore: Restore) -> None:
    if state.lowered is not None and restore.here(state.lowered):
        work.lowered = restore.link(state.lowered)
        work.further_lowered = tuple(restore.link(each) for each in state.further_lowered)


def _compilation(work: Work, state: State, restore: Restore) -> None:
    work.compiler_flags = state.flags.compiler
    work.metrics |= state.metrics
    if state.compiled is not None and restore.here(state.compiled):
        work.compiled = restore.link(state.compiled)
        work.further_compiled = tuple(restore.link(each) for each in state.further_compiled)


def _construct_inputs(work: Work, state: State, restore: Restore) -> None:
    work.inputs = restore.load(state.inputs)
    work.casts = state.casts


def _native_inference(work: Work, state: State, restore: Restore) -> None:
    work.golden = restore.golden(state.golden)
    work.casts = state.casts


def _compiled_inference(work: Work, state: State, restore: Restore) -> None:
    work.runtime_flags = state.flags.runtime
    work.outputs = restore.load(state.outputs)


def _postprocessing(work: Work, state: State, restore: Restore) -> None:
    work.golden = restore.golden(state.processed_golden)
    work.outputs = restore.load(state.processed_outputs)


def _comparison(_work: Work, _state: State, _restore: Restore) -> None:
    """Its verdict is no artefact."""


_RESTORES: dict[Stage, Callable[[Work, State, Restore], None]] = {
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
    Stage.OP_BY_OP: _comparison,
}

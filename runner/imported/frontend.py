"""A definition stands where other cases have a model: it needs no framework, and nothing of it is imported."""

from __future__ import annotations

import pathlib

from runner.protocol import Job
from runner.tensors import Array
from runner.work import Golden, Imported
from schemas.errors import InfraError, UsageError


class DefinitionFrontend:
    """Looks after what a definition names; all else is `runner.imported.steps`'."""

    def __init__(self, job: Job) -> None:
        self._job = job

    def setup(self) -> None:
        """Everything that the definition names is here; raises InfraError where something is not."""
        definition = self._job.case.definition
        for place in definition.places if definition is not None else ():
            path = self._job.places.get(place, "")
            if not path or not pathlib.Path(path).exists():
                raise InfraError(f"source not available: {place}", "run the case again, so that it is fetched")

    def source_files(self) -> tuple[pathlib.Path, ...]:
        """The definition. What it names stays where it is."""
        source = pathlib.Path(self._job.source)
        return (source,) if source.is_file() else ()

    def import_model(self, folder: pathlib.Path) -> Imported:
        """Never planned."""
        del folder
        raise self._none()

    def construct_inputs(self) -> tuple[Array, ...]:
        """Never planned: arguments are text and files, not tensors."""
        raise self._none()

    def native_inference(self, inputs: tuple[Array, ...]) -> tuple[Golden, ...]:
        """Never planned."""
        del inputs
        raise self._none()

    def postprocess(self, outputs: tuple[Array, ...]) -> tuple[Array, ...]:
        """As they are."""
        return outputs

    def postprocess_golden(self, golden: tuple[Golden, ...]) -> tuple[Golden, ...]:
        """Likewise."""
        return golden

    def notes(self) -> tuple[str, ...]:
        """The stages have their own."""
        return ()

    @staticmethod
    def _none() -> UsageError:
        return UsageError("a definition of an imported suite has no such stage", "leave --stages out")

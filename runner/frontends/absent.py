"""A frontend that cannot be loaded becomes the failure of the case's first stage."""

from __future__ import annotations

import pathlib
from typing import NoReturn

from runner.tensors import Array
from runner.work import Golden, Imported


class AbsentFrontend:
    """Raises ``error`` in whichever stage asks first."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def _fail(self) -> NoReturn:
        raise self._error

    def setup(self) -> None:
        """Never passes."""
        self._fail()

    def source_files(self) -> tuple[pathlib.Path, ...]:
        """None were read."""
        return ()

    def import_model(self, folder: pathlib.Path) -> Imported:
        """Never passes."""
        del folder
        self._fail()

    def construct_inputs(self) -> tuple[Array, ...]:
        """Never passes."""
        self._fail()

    def native_inference(self, inputs: tuple[Array, ...]) -> tuple[Golden, ...]:
        """Never passes."""
        del inputs
        self._fail()

    def postprocess(self, outputs: tuple[Array, ...]) -> tuple[Array, ...]:
        """Never passes."""
        del outputs
        self._fail()

    def postprocess_golden(self, golden: tuple[Golden, ...]) -> tuple[Golden, ...]:
        """Never passes."""
        del golden
        self._fail()

    def notes(self) -> tuple[str, ...]:
        """The error tells all."""
        return ()

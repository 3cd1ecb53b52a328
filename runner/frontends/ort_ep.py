"""A model of any source becomes the ONNX model that ONNX Runtime opens with the execution provider: path `ort-ep`."""

from __future__ import annotations

import pathlib
import shutil
from typing import Protocol

import onnx

from runner.frontends import onnx_data
from runner.work import EntryPoint, Imported
from schemas.errors import UsageError
from schemas.words import Lowering

MODEL_FILE, WEIGHTS_FILE = "model.onnx", "weights.bin"


class HasOnnx(Protocol):
    """A frontend of the path `onnx`, before its importer."""

    def onnx_file(self, folder: pathlib.Path) -> pathlib.Path:
        """The model, made in ``folder`` or lying elsewhere."""


def import_model(frontend: HasOnnx, folder: pathlib.Path, lowering: Lowering) -> Imported:
    """The model in ``folder``, where a bundle takes it from: with one file for all its weights, or none.

    Raises UsageError for another lowering than the plug-in's own.
    """
    if lowering is not Lowering.TORCH:
        raise UsageError(
            f"the path ort-ep has no lowering {lowering}: the execution provider lowers by itself",
            "leave the lowering out, or use the path onnx",
        )
    return place(frontend.onnx_file(folder), folder)


def place(model: pathlib.Path, folder: pathlib.Path) -> Imported:
    """Copy a model into ``folder``, unless it lies there; external data in one file beside it."""
    here = folder / MODEL_FILE
    external = onnx_data.external_files(model)
    if model != here and not external:
        shutil.copyfile(model, here)
    elif external and (model != here or len(external) > 1):
        onnx.save(onnx.load(model), here, save_as_external_data=True, location=WEIGHTS_FILE)
        external = (folder / WEIGHTS_FILE,)
    graph = onnx.load(here, load_external_data=False).graph
    # What the results are, ONNX Runtime says of each when it has run.
    entry = EntryPoint(graph.name, ("",) * len(graph.output))
    return Imported(here, entry, ("", external[0]) if external else None)

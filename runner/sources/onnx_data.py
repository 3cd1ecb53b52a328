"""The name of a case on disk in the installed ``onnx`` package becomes its folder there."""

from __future__ import annotations

import importlib.util
import pathlib

from runner.store import Store
from schemas.case import Source
from schemas.errors import InfraError


def provide(source: Source, _store: Store, _force: bool) -> pathlib.Path:
    """``onnx/backend/test/data/<folder>/<case>``, used in place; raises InfraError where it is not there."""
    spec = importlib.util.find_spec("onnx")
    for package in (spec.submodule_search_locations or ()) if spec else ():
        root = pathlib.Path(package) / "backend" / "test" / "data"
        folder = (root / source.locator).resolve()
        if folder.is_relative_to(root.resolve()) and (folder / "model.onnx").is_file():
            return folder
    raise InfraError(
        f"the installed onnx package has no case {source.locator!r}",
        "install the onnx version that suites/catalog/onnx.json was made from",
    )

"""Sources: how a model of each kind is made to lie on this machine."""

from __future__ import annotations

import pathlib
from collections.abc import Callable

from runner.sources import declared_file, imported, onnx_data, onnx_file, onnx_node, onnx_url, python_file
from runner.store import Store
from schemas.case import Source
from schemas.words import SourceKind

#: From a source to its local file or folder; the flag asks for it to be made or fetched anew. Raises E2EShardError.
SOURCES: dict[SourceKind, Callable[[Source, Store, bool], pathlib.Path]] = {
    SourceKind.ONNX_NODE: onnx_node.provide,
    SourceKind.ONNX_DATA: onnx_data.provide,
    SourceKind.ONNX_FILE: onnx_file.provide,
    SourceKind.ONNX_URL: onnx_url.provide,
    SourceKind.MLIR_FILE: onnx_file.provide,
    SourceKind.MLIR_URL: onnx_url.provide,
    SourceKind.PYTHON: python_file.provide,
    SourceKind.IMPORTED: imported.provide,
    SourceKind.FILE: declared_file.provide,
}

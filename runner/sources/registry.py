"""Every kind of source by how it is provided. A new one is a module with ``provide`` and one line here."""

from __future__ import annotations

from runner.sources import declared_file, onnx_node, onnx_url
from runner.sources.at_hand import AT_HAND, Provide
from schemas.words import SourceKind

#: From a source to its local file or folder; the flag asks for it to be made or fetched anew. Raises E2EShardError.
SOURCES: dict[SourceKind, Provide] = {
    **AT_HAND,
    SourceKind.ONNX_NODE: onnx_node.provide,
    SourceKind.ONNX_URL: onnx_url.provide,
    SourceKind.MLIR_URL: onnx_url.provide,
    SourceKind.FILE: declared_file.provide,
}

"""Sources that lie on this machine already and are only looked up: nothing is made, fetched, or loaded for that."""

from __future__ import annotations

import pathlib
from collections.abc import Callable

from runner.protocol import Prepared
from runner.sources import imported, onnx_data, onnx_file, python_file
from runner.store import Store
from schemas.case import Source
from schemas.errors import E2EShardError
from schemas.words import SourceKind

Provide = Callable[[Source, Store, bool], pathlib.Path]
#: As of ``registry.SOURCES``.
AT_HAND: dict[SourceKind, Provide] = {
    SourceKind.ONNX_DATA: onnx_data.provide,
    SourceKind.ONNX_FILE: onnx_file.provide,
    SourceKind.MLIR_FILE: onnx_file.provide,
    SourceKind.PYTHON: python_file.provide,
    SourceKind.IMPORTED: imported.provide,
}
_INSTALLED = SourceKind.ONNX_DATA


def is_at_hand(source: Source) -> bool:
    """Whether a look is enough; a checksum is more than that, but for a Python file's."""
    return source.kind in AT_HAND and (source.sha256 is None or source.kind is SourceKind.PYTHON)


def answered(provide: Provide, source: Source, store: Store, base: pathlib.Path, *, force: bool) -> Prepared:
    """Make one source available; an error is an answer, since the other sources do not depend on it.

    ``base`` is where a file's relative path starts: the folder of the manifests.
    """
    try:
        return Prepared(source=source, path=str(provide(_absolute(source, base), store, force)))
    except E2EShardError as error:
        return Prepared(source=source, error=str(error))
    except OSError as error:
        return Prepared(source=source, error=f"{source.locator}: {error}\n    mend: check the store {store.root}")


def _absolute(source: Source, base: pathlib.Path) -> Source:
    if source.kind not in AT_HAND or source.kind is _INSTALLED:
        return source
    return Source(source.kind, str((base / source.locator).absolute()), source.sha256)

"""A folder of node cases is locked for the first case of a process, and for one that is missing from it."""

from __future__ import annotations

import importlib.metadata
import pathlib

import pytest
from filelock import FileLock

from runner.sources import onnx_node
from runner.store import Store
from schemas.case import Source
from schemas.errors import InfraError
from schemas.words import SourceKind


class Counting(Store):
    """A store that notes the locks that it is asked for."""

    def __init__(self, root: pathlib.Path) -> None:
        super().__init__(root)
        self.locks: list[str] = []

    def lock(self, name: str) -> FileLock:
        self.locks.append(name)
        return super().lock(name)


def test_the_lock_is_for_the_first_case_and_for_missing_ones(tmp_path: pathlib.Path) -> None:
    versions = f"{importlib.metadata.version('onnx')}-{importlib.metadata.version('numpy')}"
    folder = tmp_path / f"onnx-node-{versions}-{onnx_node.FORMAT}"
    for name in ("test_abs", "test_acos"):
        (folder / name).mkdir(parents=True)
    store = Counting(tmp_path)
    for name in ("test_abs", "test_acos", "test_abs"):
        assert onnx_node.provide(Source(SourceKind.ONNX_NODE, name), store, force=False) == folder / name
    assert store.locks == [folder.name]
    with pytest.raises(InfraError, match="no node case 'test_missing'"):
        onnx_node.provide(Source(SourceKind.ONNX_NODE, "test_missing"), store, force=False)
    assert store.locks == [folder.name] * 2, "another run may have been writing it"

"""The name of a node case of the ``onnx`` package becomes a folder of the store in ONNX's own layout for test data."""

from __future__ import annotations

import functools
import importlib.metadata
import os
import pathlib
import shutil
import tempfile
import warnings
from typing import Any

from runner.store import Store
from schemas.case import Source
from schemas.errors import InfraError

#: Counts up when the same versions of onnx and numpy have to be written differently.
FORMAT = 1


def provide(source: Source, store: Store, force: bool) -> pathlib.Path:
    """``<store>/onnx-node-<onnx>-<numpy>-<format>/<case>``; all cases are written at once, on first use or by force.

    The values come from onnx's generators, which seed NumPy's generator per operator: equal versions give equal cases.
    Raises InfraError where the installed onnx has no such case.
    """
    folder = store.root / f"onnx-node-{_version('onnx')}-{_version('numpy')}-{FORMAT}"
    case = folder / source.locator
    # The lock is for the first of a thousand, and for one that is missing: another run may be writing it just now.
    if folder not in (_MADE if force else _SEEN) or not case.is_dir():
        with store.lock(folder.name):
            if (force and folder not in _MADE) or not folder.is_dir():
                _write_all(folder)
        _SEEN.add(folder)
    if os.sep in source.locator or not case.is_dir():
        raise InfraError(
            f"onnx {_version('onnx')} has no node case {source.locator!r}",
            "regenerate suites/catalog/onnx.json for the installed onnx, or install the onnx that it was made from",
        )
    return case


#: Folders that this process has written, and those that it has found or written: a thousand cases lie in one.
_MADE: set[pathlib.Path] = set()
_SEEN: set[pathlib.Path] = set()


@functools.cache
def _version(package: str) -> str:
    return importlib.metadata.version(package)


def _write_all(folder: pathlib.Path) -> None:
    """Write every case into a temporary folder and rename it, so that a killed run leaves nothing half-made behind."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = pathlib.Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        for case in _cases():
            _write_case(scratch / case.name, case)
        if folder.is_dir():
            shutil.rmtree(folder)
        scratch.chmod(0o755)
        scratch.rename(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    _MADE.add(folder)


def _cases() -> list[Any]:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # divisions by zero and overflows that the cases are about
        from onnx.backend.test.case.node import collect_testcases  # noqa: PLC0415 - seconds, once per version

        cases: list[Any] = collect_testcases(None)
    return cases


def _write_case(folder: pathlib.Path, case: Any) -> None:
    data = folder / "test_data_set_0"
    data.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(case.model.SerializeToString())
    inputs, outputs = case.data_sets[0]
    for prefix, values, declared in (
        ("input", inputs, case.model.graph.input),
        ("output", outputs, case.model.graph.output),
    ):
        for number, (value, info) in enumerate(zip(values, declared, strict=True)):
            (data / f"{prefix}_{number}.pb").write_bytes(_proto(value, info).SerializeToString())


def _proto(value: Any, info: Any) -> Any:
    """The protobuf of one value: a tensor, or for values that are none, onnx's own message for them."""
    import numpy as np  # noqa: PLC0415
    import onnx  # noqa: PLC0415
    from onnx import numpy_helper  # noqa: PLC0415

    if isinstance(value, onnx.TensorProto):
        return value
    if info.type.HasField("sequence_type"):
        return numpy_helper.from_list(value, info.name)
    if info.type.HasField("optional_type"):
        return numpy_helper.from_optional(value, info.name)
    return numpy_helper.from_array(np.asarray(value), info.name)

"""Arrays become input files for iree-run-module, and the files and text that it leaves become arrays again."""

from __future__ import annotations

import pathlib
import re
from typing import Any

import numpy as np

from runner.tensors import MLIR_TYPES, Array, ElementType, element_type, pack, unpack

_TEXT_VALUE = re.compile(r"^((?:\d+x)*)([A-Za-z]\w*)=(.*)$")
_NOT_A_NUMBER = str.maketrans("[]", "  ")


def write_input(array: Array, stem: pathlib.Path) -> str:
    """Write one input beside ``stem`` and return the value of ``--input`` that reads it.

    Types that NumPy's format cannot hold go into a raw file whose shape and type the flag itself names.
    """
    kind = element_type(array)
    if kind.npy:
        path = stem.with_suffix(".npy")
        np.save(path, array, allow_pickle=False)
        return f"@{path}"
    path = stem.with_suffix(".bin")
    path.write_bytes(pack(array))
    return "x".join([*map(str, array.shape), f"{kind.iree}=@{path}"])


def output_flag(element: str, stem: pathlib.Path) -> str:
    """The value of ``--output`` that keeps shape, type and every bit of a result of MLIR type ``element``.

    A .npy file where the tool can write one. It cannot for bfloat16 and the 8-bit floats, whose text form with six
    significant digits is exact. Sub-byte types get a .npy header before packed elements.
    """
    kind = MLIR_TYPES.get(element)
    return "-" if kind is not None and not kind.npy and not kind.packed else f"@{stem.with_suffix('.npy')}"


def read_npy(path: pathlib.Path, element: str) -> Array:
    """A result from a .npy file; ``element`` is its declared MLIR type, needed where elements are packed."""
    kind = MLIR_TYPES.get(element)
    if kind is None or not kind.packed:
        loaded: Array = np.load(path, allow_pickle=False)
        return loaded
    with path.open("rb") as file:
        np.lib.format.read_magic(file)
        header = re.search(rb"'shape': \(([^)]*)\)", file.readline())
        if header is None:
            msg = f"{path.name}: no shape in the header"
            raise ValueError(msg)
        shape = tuple(int(size) for size in header.group(1).split(b",") if size.strip())
        return unpack(file.read(), kind, shape)


def read_text(stdout: str) -> list[Array]:
    """The values that iree-run-module printed, in order: ``3x4xbf16=[1 2 3 4][…]…``."""
    values = []
    for line in stdout.splitlines():
        match = _TEXT_VALUE.match(line)
        kind = MLIR_TYPES.get(match.group(2)) if match else None
        if match and kind:
            shape = tuple(int(size) for size in match.group(1).split("x") if size)
            values.append(_parse(match.group(3), kind, shape))
    return values


def _parse(text: str, kind: ElementType, shape: tuple[int, ...]) -> Array:
    numbers: np.ndarray[Any, np.dtype[Any]] = np.array(text.translate(_NOT_A_NUMBER).split(), dtype=np.float64)
    return numbers.astype(kind.dtype).reshape(shape)

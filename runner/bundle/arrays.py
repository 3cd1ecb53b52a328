"""Arrays become files of a bundle, and such files arrays again, every bit and every element type kept."""

from __future__ import annotations

import pathlib

import numpy as np

from runner.tensors import ELEMENT_TYPES, Array, element_type, pack, unpack
from schemas.bundle import StoredTensor


def store(array: Array, stem: pathlib.Path, prefix: str, name: str = "") -> StoredTensor:
    """Write an array beside ``stem``; its file's name in the bundle begins with ``prefix``.

    Raises TypeError for an element type that no tensor of a compiled module can have, and OSError.
    """
    kind = element_type(array)
    path = stem.with_suffix(".npy" if kind.npy else ".bin")
    if kind.npy:
        np.save(path, array, allow_pickle=False)
    else:
        path.write_bytes(pack(array))
    return StoredTensor(file=f"{prefix}/{path.name}", dtype=kind.name, shape=array.shape, name=name)


def load(stored: StoredTensor, folder: pathlib.Path) -> Array:
    """The array of a bundle's file; raises ValueError where the file holds another shape or type than is said."""
    kind = ELEMENT_TYPES.get(stored.dtype)
    if kind is None:
        msg = f"{stored.file}: no element type is called {stored.dtype}"
        raise ValueError(msg)
    path = folder / stored.file
    array: Array = (
        np.load(path, allow_pickle=False) if kind.npy else unpack(path.read_bytes(), kind, stored.shape).copy()
    )
    if (array.dtype, array.shape) != (kind.dtype, stored.shape):
        msg = f"{stored.file} holds {array.dtype} of shape {array.shape}, not {stored.dtype} of shape {stored.shape}"
        raise ValueError(msg)
    return array

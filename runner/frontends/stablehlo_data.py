"""A tensor type and a seed, or the .npy files beside a module, become arrays."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

import numpy as np

from runner.frontends.stablehlo_types import Shape, shape_of
from runner.tensors import MLIR_TYPES, Array

#: What an open size becomes when inputs are made up.
OPEN_SIZE = 1
_FEW = 10  # made-up integers lie below
_WORDS = {"input": "argument", "output": "result"}


def data_folder(module: pathlib.Path) -> pathlib.Path:
    """Where stored values lie: ``mlp.data/`` beside ``mlp.mlir``."""
    return module.with_name(f"{module.stem}.data")


def stored_files(folder: pathlib.Path, prefix: str) -> tuple[pathlib.Path, ...]:
    """The files ``<prefix>_<n>.npy``, by number."""
    found = [path for path in folder.glob(f"{prefix}_*.npy") if path.stem.rpartition("_")[2].isdecimal()]
    return tuple(sorted(found, key=lambda path: int(path.stem.rpartition("_")[2])))


def load(folder: pathlib.Path, prefix: str, types: Sequence[str]) -> tuple[Array, ...]:
    """One array for each type; raises ValueError where count, element type or sizes are others."""
    files = stored_files(folder, prefix)
    if len(files) != len(types):
        msg = f"{folder.name} has {len(files)} files {prefix}_<n>.npy, the function has {len(types)} {_WORDS[prefix]}s"
        raise ValueError(msg)
    return tuple(_load(file, wanted) for file, wanted in zip(files, types, strict=True))


def _load(file: pathlib.Path, wanted: str) -> Array:
    shape = _shape(wanted)
    dtype = MLIR_TYPES[shape.element].dtype
    array: Array = np.load(file, allow_pickle=False)
    if array.dtype.kind == "V" and array.dtype.itemsize == dtype.itemsize:  # what NumPy's format has no name for
        array = array.view(dtype)
    fits = len(array.shape) == len(shape.sizes) and all(
        wanted_size in (None, size) for wanted_size, size in zip(shape.sizes, array.shape, strict=True)
    )
    if array.dtype != dtype or not fits:
        msg = f"{file.name} holds {'x'.join([*map(str, array.shape), array.dtype.name])}, the function says {wanted}"
        raise ValueError(msg)
    return array


def random_inputs(types: Sequence[str], seed: int) -> tuple[Array, ...]:
    """Floats and parts of complex numbers from N(0, 1), integers from 0 to 9, booleans evenly.

    The generator is PCG64, so the same seed gives the same values on every machine. Open sizes become
    :data:`OPEN_SIZE`. Raises ValueError for what is no tensor of a known element type and rank.
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    return tuple(random_array(_shape(each), generator) for each in types)


def random_array(shape: Shape, generator: np.random.Generator) -> Array:
    """One made-up tensor."""
    kind = MLIR_TYPES[shape.element]
    sizes = tuple(OPEN_SIZE if each is None else each for each in shape.sizes)
    if kind.name == "bool":
        return np.asarray(generator.integers(0, 2, sizes), dtype=np.bool_)
    if "int" in kind.name:
        top = 2 ** (kind.bits - (0 if kind.name.startswith("u") else 1))
        return np.asarray(generator.integers(0, min(_FEW, top), sizes)).astype(kind.dtype)
    real = np.asarray(generator.standard_normal(sizes, dtype=np.float32))
    if "complex" in kind.name:
        return np.asarray(real + 1j * np.asarray(generator.standard_normal(sizes, dtype=np.float32)), dtype=kind.dtype)
    return real.astype(kind.dtype)


def _shape(text: str) -> Shape:
    shape = shape_of(text)
    if shape is None or not shape.has_values:
        msg = f"no values can be made up or stored for the type {text}"
        raise ValueError(msg)
    return shape

"""Stored .pb files, or a graph's input types and a seed, become arrays."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.external_data_helper import ExternalDataInfo, _get_all_tensors, uses_external_data

from runner.tensors import ELEMENT_TYPES, Array

#: What an unknown or symbolic dimension becomes when inputs are made up.
DYNAMIC_DIMENSION = 1


def graph_inputs(graph: Any) -> tuple[Any, ...]:
    """The inputs that a caller passes: those of the graph without an initializer of the same name."""
    initialized = {each.name for each in graph.initializer} | {each.values.name for each in graph.sparse_initializer}
    return tuple(each for each in graph.input if each.name not in initialized)


def external_files(model: pathlib.Path) -> tuple[pathlib.Path, ...]:
    """The files beside a model that hold its tensors; reads the model without them."""
    proto = onnx.load(model, load_external_data=False)
    tensors = (each for each in _get_all_tensors(proto) if uses_external_data(each))
    names = {ExternalDataInfo(each).location for each in tensors}
    return tuple(model.parent / name for name in sorted(names))


def load_values(folder: pathlib.Path, prefix: str, values: Sequence[Any]) -> tuple[Array, ...]:
    """The tensors ``<prefix>_<n>.pb``, as many as ``values`` has; raises ValueError for another kind or count."""
    stored = (path for path in folder.iterdir() if path.name.startswith(f"{prefix}_") and path.suffix == ".pb")
    files = sorted(stored, key=lambda path: int(path.stem.rpartition("_")[2]))
    if len(files) != len(values):
        msg = f"{len(files)} stored {prefix}s where the model has {len(values)}"
        raise ValueError(msg)
    return tuple(_load(file, value) for file, value in zip(files, values, strict=True))


def _load(file: pathlib.Path, value: Any) -> Array:
    kind = value.type.WhichOneof("value")
    if kind != "tensor_type" or value.type.tensor_type.elem_type == TensorProto.STRING:
        what = "a string tensor" if kind == "tensor_type" else f"of {kind.replace('_', ' ')}"
        msg = f"{value.name} is {what}: a compiled module takes and returns numeric tensors only"
        raise ValueError(msg)
    tensor = onnx.TensorProto()
    tensor.ParseFromString(file.read_bytes())
    loaded: Array = np.array(numpy_helper.to_array(tensor), order="C")
    return loaded


def random_inputs(values: Sequence[Any], seed: int) -> tuple[Array, ...]:
    """Seeded inputs of the declared types: floats from N(0, 1), integers from 0 to 9, booleans evenly.

    The generator is PCG64, so the same seed gives the same values on every machine. Dimensions that the model leaves
    open become :data:`DYNAMIC_DIMENSION`. Raises ValueError for a value that is no numeric tensor.
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    return tuple(_random(value, generator) for value in values)


def _random(value: Any, generator: np.random.Generator) -> Array:
    if value.type.WhichOneof("value") != "tensor_type" or not value.type.tensor_type.HasField("shape"):
        msg = f"input {value.name}: only a tensor of known rank can be made up; store inputs and use --load-inputs"
        raise ValueError(msg)
    tensor = value.type.tensor_type
    dtype = np.dtype(helper.tensor_dtype_to_np_dtype(tensor.elem_type))
    if dtype.name not in ELEMENT_TYPES:
        msg = f"input {value.name}: no values can be made up for the element type {dtype.name}"
        raise ValueError(msg)
    shape = tuple(
        each.dim_value if each.WhichOneof("value") == "dim_value" else DYNAMIC_DIMENSION for each in tensor.shape.dim
    )
    if dtype.name == "bool":
        return np.asarray(generator.integers(0, 2, shape), dtype=np.bool_)
    if "int" in dtype.name:
        return np.asarray(generator.integers(0, min(10, _top(dtype) + 1), shape)).astype(dtype)
    return np.asarray(generator.standard_normal(shape, dtype=np.float32)).astype(dtype)


def _top(dtype: np.dtype[Any]) -> int:
    """The largest value of an integer type; ``int4`` and ``int2`` hold less than ten values."""
    bits = ELEMENT_TYPES[dtype.name].bits
    return int(2 ** (bits if dtype.name.startswith("uint") else bits - 1)) - 1

"""Literals of a StableHLO module, and operations on known values, become values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from runner.failures import StageFailure
from runner.frontends.stablehlo_reference import Reference
from runner.frontends.stablehlo_resources import array_of, name_in, resources_of
from runner.frontends.stablehlo_types import shape_of
from runner.frontends.stablehlo_wire import Tensor
from runner.ops import stablehlo_dot as dot
from runner.ops.stablehlo_alone import Alone, Known, alone
from runner.tensors import MLIR_TYPES, Array

_NAME = 256  # characters that hold a resource's name


class Evaluator:
    """The interpreter, and NumPy for what would take it minutes."""

    def __init__(self, reference: Reference, timeout: float) -> None:
        self._reference = reference
        self._timeout = timeout
        self.by_numpy = 0

    def run(
        self, name: str, attributes: Mapping[str, str], own: Alone, reads: Sequence[Known]
    ) -> tuple[tuple[Array, ...] | None, str]:
        """An operation's results; or None with the reason, which is empty where an operand has no value."""
        given = [reads[place] for place in own.given]
        arrays = [each.array for each in given if each.array is not None]
        if len(arrays) < len(given):
            return None, ""
        if name == dot.NAME and dot.products(attributes[dot.NUMBERS], *arrays) > dot.FEW:
            self.by_numpy += 1
            dtype = MLIR_TYPES[own.entry.results[0]].dtype
            return (dot.dot_general(attributes[dot.NUMBERS], arrays[0], arrays[1], dtype),), ""
        operands = [Tensor.of(array, each.shape.element) for array, each in zip(arrays, given, strict=True)]
        try:
            return self.call(own, operands), ""
        except StageFailure as failure:
            return None, failure.error.signature

    def call(self, own: Alone, operands: Sequence[Tensor] = ()) -> tuple[Array, ...]:
        """The interpreter's results; raises StageFailure."""
        return self._reference.run(own.text.encode(), own.entry.name, operands, self._timeout)


class Constants:
    """The values of a module's literals, read when they are asked for."""

    def __init__(self, module: Any, evaluator: Evaluator) -> None:
        self._resources = resources_of(module)
        self._evaluator = evaluator

    def known(self, operation: Any) -> Known:
        """A literal's value; none where numpy has no such elements, or the interpreter cannot tell."""
        kind = str(operation.results[0].type)
        shape = shape_of(kind)
        if shape is None or not shape.has_values:
            return Known(kind, constant=True)
        element = MLIR_TYPES[shape.element]
        if element.npy and "complex" not in element.name:  # others are read by no binding
            value = operation.attributes["value"]
            name = name_in(str(value)[:_NAME])
            array = np.array(value) if name is None else array_of(name, shape, self._resources)
            return Known(kind, array.astype(element.dtype, copy=False), constant=True)
        try:
            (found,) = self._evaluator.call(alone(operation, (), (), (), {}))
        except StageFailure:
            return Known(kind, constant=True)
        return Known(kind, found, constant=True)

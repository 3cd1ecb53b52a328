"""One operation of a StableHLO module with its values becomes a program of its own: key, operands, golden, module."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from runner.ops.keys import constant
from runner.ops.stablehlo_alone import ENTRY, Alone, Known
from runner.tensors import MLIR_TYPES, Array
from runner.work import Golden, Imported
from schemas.ops import OpKey, TensorType
from schemas.opwords import OpBackend


@dataclass(frozen=True)
class StablehloOp:
    """Meets ``OpProgram``. ``reads`` are its operands, then what its regions read of the values around it."""

    name: str
    attributes: Mapping[str, str]
    reads: tuple[Known, ...]
    made: tuple[Known, ...]
    alone: Alone

    @cached_property
    def key(self) -> OpKey:
        """Name, types, attributes, the text of its regions, and the values of operands that are literals in it."""
        attributes = dict(self.attributes)
        if self.alone.region:
            attributes["region"] = self.alone.region
        fixed = [(n, each.array) for n, each in enumerate(self.reads) if n not in self.alone.given]
        return OpKey(
            backend=OpBackend.STABLEHLO,
            name=self.name,
            operands=tuple(each.kind for each in self.reads),
            attributes=tuple(sorted(attributes.items())),
            constants=tuple(constant(place, array) for place, array in fixed if array is not None),
        )

    @property
    def results(self) -> tuple[TensorType, ...]:
        """As the module declares them, open sizes as the values have them."""
        return tuple(each.kind for each in self.made)

    def operands(self) -> tuple[Array, ...]:
        """The values of the function's arguments; zeros where one has none, and nothing is executed then."""
        return tuple(_value(self.reads[place]) for place in self.alone.given)

    def golden(self) -> tuple[Golden, ...] | None:
        """The interpreter's results; None where it could not run the operation or has no operands for it."""
        found = [each.array for each in self.made]
        if any(each is None for each in (*found, *(self.reads[place].array for place in self.alone.given))):
            return None
        return tuple(Golden(f"result_{n}", each) for n, each in enumerate(found) if each is not None)

    def write_module(self, folder: pathlib.Path) -> Imported:
        """The operation in a function; nothing is imported, it is StableHLO already."""
        file = folder / f"{ENTRY}.mlir"
        file.write_text(self.alone.text, encoding="utf-8")
        return Imported(file, self.alone.entry)


def _value(known: Known) -> Array:
    if known.array is not None:
        return known.array
    return np.zeros([size or 0 for size in known.shape.sizes], MLIR_TYPES[known.shape.element].dtype)

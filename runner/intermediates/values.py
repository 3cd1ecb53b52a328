"""What can be checked of a model: the values of its graphs in program order, and the portions they are checked in."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from runner.tensors import Array
from runner.work import Imported

#: A portion's values are outputs of one module, which the runtime holds all at once, in memory and as files.
MOST_BYTES = 256 * 1024**2
MOST_VALUES = 256
#: The part of a case's memory limit that one portion may take: golden and compiled values lie side by side.
_SHARE = 32


@dataclass(frozen=True)
class Value:
    """One tensor between a model's inputs and its outputs. ``size`` in bytes, 0 where only a run would tell."""

    name: str  # in the model: a node's or a tensor's name
    op: str  # what computes it: aten.addmm.default, onnx.Gemm
    size: int

    def __str__(self) -> str:
        return f"{self.name} ({self.op})"


class Subject(Protocol):
    """One graph of a model with the inputs that it is called with."""

    @property
    def label(self) -> str:
        """Which of several graphs; empty where there is one."""

    @property
    def values(self) -> tuple[Value, ...]:
        """In an order in which each comes after those that it is computed from."""

    @property
    def left_out(self) -> int:
        """How many further values have no golden, since random numbers or uninitialised memory went into them."""

    def inputs(self) -> tuple[Array, ...]:
        """The arguments of the graph's module."""

    def golden(self, chosen: Sequence[Value]) -> tuple[Array, ...]:
        """The framework's own values, computed from the inputs."""

    def write_module(self, chosen: Sequence[Value], golden: Sequence[Array], folder: pathlib.Path) -> Imported:
        """The graph as a module that returns these values instead of its outputs, in the empty ``folder``."""


def portions(values: Sequence[Value], memory_limit: int) -> Iterator[tuple[Value, ...]]:
    """Values in their order, as many at a time as fit into the bounds; one that is too large comes alone."""
    room = min(MOST_BYTES, memory_limit // _SHARE)
    portion: list[Value] = []
    held = 0
    for value in values:
        if portion and (held + value.size > room or len(portion) == MOST_VALUES):
            yield tuple(portion)
            portion, held = [], 0
        portion.append(value)
        held += value.size
    if portion:
        yield tuple(portion)

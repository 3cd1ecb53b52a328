"""What the PyTorch paths offer to whoever goes through a model value by value: its programs, as they are imported."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch.export import ExportedProgram

from runner.tensors import Array


class Walked(NamedTuple):
    """A program after decompositions, with the tensors that it is called with, and the name of its function."""

    program: ExportedProgram
    inputs: tuple[torch.Tensor, ...]
    entry: str


@runtime_checkable
class Walkable(Protocol):
    """A frontend whose models can be interpreted."""

    def programs(self, inputs: tuple[Array, ...]) -> Iterator[Walked]:
        """The programs that ``import_model`` imports, in its order: one, or one for each graph of a broken model.

        They are made anew. A graph's inputs are what PyTorch gives it when the model runs on ``inputs``.
        """

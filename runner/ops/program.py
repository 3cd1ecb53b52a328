"""What a walker says of a model: its places in order, and for each operation a program that can be run alone."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from runner.tensors import Array
from runner.work import Golden, Imported
from schemas.ops import OpKey, TensorType
from schemas.opwords import OpBackend, OpSkip


class OpProgram(Protocol):
    """One operation of a model with real values, in the case's process.

    Its values stay as they are for as long as it is held: until a few more places were asked for, since operations are
    run together. Making one must be cheap: of most places only ``key`` is read, since their operation has been run
    already. What is expensive belongs into the methods. They may be called several times, also in a forked process,
    where a crash, a hang or an exit is that operation's result alone. Whatever they raise is that operation's failure.
    """

    @property
    def key(self) -> OpKey:
        """What makes it the same operation as another one."""

    @property
    def results(self) -> tuple[TensorType, ...]:
        """The types of its tensor results, as the framework gave them; there is at least one."""

    def operands(self) -> tuple[Array, ...]:
        """The values of the module's arguments, in their order; numpy or ml_dtypes, C order, never changed later."""

    def golden(self) -> tuple[Golden, ...] | None:
        """The framework's own results for these operands, in the order of the module's; None where there are none.

        An operation without is compiled only.
        """

    def write_module(self, folder: pathlib.Path) -> Imported:
        """Import the operation: its module in the empty ``folder``, with an entry that takes ``operands``.

        Text (``.mlir``) where it is small, so that a bug report can quote it. What it leaves beside the module (a
        ``model.onnx``, say) goes into the bundle of a failing operation.
        """


class Part(NamedTuple):
    """An operation's module as it was imported, and as it goes to the compiler."""

    imported: Imported
    lowered: pathlib.Path


@dataclass(frozen=True)
class Place:
    """One place of a model: an operation with its program, or a skipped one with the reason.

    The engine numbers the places of all graphs in the order in which they come; that is the index of ``--op``.
    """

    name: str  # the operation's: aten.addmm.default, onnx.Gemm, stablehlo.dot_general
    node: str = ""  # the node's name in the model
    graph: int = 0
    skip: OpSkip | None = None
    why: str = ""
    program: OpProgram | None = None  # None exactly where `skip` is given


class Walker(Protocol):
    """Goes through one case's model in the case's process. Values come from goldens, never from compiled code.

    Made from the case's ``Work``, whose frontend has done ``setup`` and whose ``inputs`` are there; of the backend
    ``stablehlo`` also ``imported`` and ``lowered``. ``work.folder`` is free for scratch files. What is raised while it
    is made or walks is the failure of the stage ``op_by_op``: the model cannot be walked.
    """

    @property
    def backend(self) -> OpBackend:
        """From which representation the operations are taken."""

    def places(self) -> Iterator[Place]:
        """Every place once, in an order in which operands come before their uses; asked for once.

        The iterator may hold all values of the model, but should let go of those that are not read any more.
        """

    def notes(self) -> tuple[str, ...]:
        """What a reader of the record should know of the walk, once it has ended."""

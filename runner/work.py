"""What one case's stages hand to each other, from the job to its comparisons."""

from __future__ import annotations

import pathlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, TypeVar, runtime_checkable

import msgspec

from runner.protocol import Job
from runner.tensors import Array
from schemas.opwords import OpTotals
from schemas.record import CastInput, ErrorInfo, OutputComparison, TokenComparison

if TYPE_CHECKING:
    from runner.ortep.client import Client
    from runner.stages.aside import Aside

T = TypeVar("T")
#: In the metrics: what a golden took that was made while the compiler ran; its stage only waited for it.
SECONDS = "golden_seconds"


class EntryPoint(msgspec.Struct, frozen=True):
    """The function that is called, and the MLIR element type of each of its results (``f32``, ``ui8``, ``bf16``)."""

    name: str
    results: tuple[str, ...]


class Piece(msgspec.Struct, frozen=True):
    """A graph of a model that could only be imported in pieces.

    ``digest`` knows it again; after its own results come new values of the arguments at the places ``changed``.
    """

    digest: str
    changed: tuple[int, ...] = ()


class Imported(msgspec.Struct, frozen=True):
    """A module as the importer wrote it. ``parameters`` is an archive of weights kept beside it, with its scope.

    A model that could only be imported in pieces has several modules: this one and ``further``. Its own Python code
    calls them.
    """

    module: pathlib.Path
    entry: EntryPoint
    parameters: tuple[str, pathlib.Path] | None = None
    piece: Piece | None = None
    further: tuple[Imported, ...] = ()

    @property
    def all(self) -> tuple[Imported, ...]:
        """This module and the further ones."""
        return (self, *self.further)


@dataclass(frozen=True)
class Golden:
    """One expected output under its name in the model."""

    name: str
    value: Array


class Frontend(Protocol):
    """One path by which a model reaches the compiler; an instance belongs to one case."""

    def setup(self) -> None:
        """Load the model and check it; raises what its own tools raise."""

    def source_files(self) -> tuple[pathlib.Path, ...]:
        """The files that ``setup`` and later stages read of the source: what a bundle of this case must hold."""

    def import_model(self, folder: pathlib.Path) -> Imported:
        """Write the module into ``folder``."""

    def construct_inputs(self) -> tuple[Array, ...]:
        """The inputs in the order of the entry point's arguments."""

    def native_inference(self, inputs: tuple[Array, ...]) -> tuple[Golden, ...]:
        """The expected outputs: given ones, or those of the original framework."""

    def postprocess(self, outputs: tuple[Array, ...]) -> tuple[Array, ...]:
        """What is compared of the compiled outputs."""

    def postprocess_golden(self, golden: tuple[Golden, ...]) -> tuple[Golden, ...]:
        """The same of the golden; names and count may change."""

    def notes(self) -> tuple[str, ...]:
        """What a reader of the record should know: where inputs and golden came from."""


Call = Callable[[int, tuple[Array, ...]], tuple[Array, ...]]


@runtime_checkable
class Glue(Protocol):
    """A frontend whose models may have been imported in pieces."""

    def run_pieces(self, pieces: tuple[Piece, ...], inputs: tuple[Array, ...], call: Call) -> tuple[Array, ...]:
        """The outputs of the model's own code, whose graphs are run by ``call``, given their number and arguments."""


@runtime_checkable
class Casting(Protocol):
    """A frontend that gives the model its inputs in the types that the target takes."""

    casts: tuple[CastInput, ...]


@runtime_checkable
class Plain(Protocol):
    """A frontend that may have nothing to say of outputs: what is compared is then what the module returns."""

    def is_plain(self, golden: tuple[Golden, ...]) -> bool:
        """Whether no code of the model's own would change, judge or store the outputs, or these golden ones."""


@runtime_checkable
class Predictable(Protocol):
    """A frontend whose golden may depend on nothing but inputs and a model file, and leave nothing behind."""

    def predictable_model(self) -> pathlib.Path | None:
        """That file; None where the golden is given, or made by code of the model's own."""

    def adopt(self) -> None:
        """Note what ``native_inference`` would have noted of the golden, which was made elsewhere."""


class Blame(StrEnum):
    """When the compiler's errors have named one of several modules: while it lowered all, later, or not at all."""

    LOWERED = "lowered"
    LATE = "late"
    NONE = "none"


@dataclass(frozen=True)
class Told:
    """What the compiler says of one module that it refuses, the seconds for it, and how many modules it had at once."""

    said: str
    seconds: float
    modules: int


@dataclass
class Work:
    """The state of one case between its stages; each stage fills what the next ones read."""

    job: Job
    frontend: Frontend
    folder: pathlib.Path
    log: pathlib.Path = pathlib.Path()  # of the running stage
    peak_rss_bytes: int | None = None  # largest tool of the running stage
    imported: Imported | None = None
    lowered: pathlib.Path | None = None
    told: Told | None = None  # by a compiler that had other modules, too, each by itself; it is not started again
    compiled: pathlib.Path | None = None
    session: Client | None = None  # path ort-ep: the process that holds the compiled model
    further_lowered: tuple[pathlib.Path, ...] = ()  # of the modules after the first
    further_compiled: tuple[pathlib.Path, ...] = ()
    inputs: tuple[Array, ...] | None = None
    golden: tuple[Golden, ...] | None = None
    aside: Aside | None = None  # the golden to come
    outputs: tuple[Array, ...] | None = None
    arguments: tuple[str, ...] | None = None  # of an imported suite's case: what its tools are told to run on
    refusal: ErrorInfo | None = None  # likewise: how the runtime said that results are not what is expected
    casts: tuple[CastInput, ...] = ()
    comparisons: tuple[OutputComparison, ...] = ()
    tokens: tuple[TokenComparison, ...] = ()
    ops: OpTotals | None = None
    intermediates: tuple[OutputComparison, ...] = ()  # of values that diverge, the first ones
    metrics: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()  # of the stages; the frontend has its own
    importer_flags: tuple[str, ...] = ()
    compiler_flags: tuple[str, ...] = ()
    runtime_flags: tuple[str, ...] = ()
    begun: float = field(default_factory=time.monotonic)
    stage_begun: float = field(default_factory=time.monotonic)


def present(value: T | None, what: str) -> T:
    """``value``, which an earlier stage has made; raises LookupError when the plan left that stage out."""
    if value is None:
        msg = f"no {what}: the stage that makes it was not run"
        raise LookupError(msg)
    return value

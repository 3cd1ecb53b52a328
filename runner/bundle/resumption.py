"""How one case goes on from its bundle: the bridge between a checked bundle and the run."""

from __future__ import annotations

import msgspec

from schemas.record import StageResult
from schemas.words import Stage


class Resumption(msgspec.Struct, frozen=True, kw_only=True):
    """Absolute paths of a bundle and of the model in it; the stages to run, and the results taken over."""

    folder: str
    named: str  # as on the command line
    source: str
    load_inputs: bool
    run: tuple[Stage, ...]
    reused: tuple[StageResult, ...]
    seconds: float  # how long the stages to run took when the bundle was made

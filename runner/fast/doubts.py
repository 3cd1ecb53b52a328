"""Members whose outputs differ become those whose code reads behind its inputs, and the others."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from runner.protocol import Event, Failed, Left, StageStarted
from schemas.record import READS_BEHIND
from schemas.words import Stage

if TYPE_CHECKING:
    from runner.fast.company import Company
    from runner.fast.run import Running
    from runner.fast.worker import One


class _Doubt(NamedTuple):
    one: One
    why: str  # how its outputs differ
    failed: Callable[[], Failed] | None  # what it is to say once it is kept, unless it reads there; None: it is left


class Doubts:
    """Of one batch. They are settled when all that can be called was called: a crash or a hang costs less then."""

    def __init__(self, running: Running, emit: Callable[[Event], None]) -> None:
        self._running = running
        self._emit = emit
        self._waiting: dict[int, tuple[Company | None, list[_Doubt]]] = {}

    def add(self, one: One, some: Company | None, why: str, failed: Callable[[], Failed] | None = None) -> None:
        """A member, those that it is called with, how its outputs differ, and how it fails where that is expected."""
        key = id(some if some is not None else one)
        self._waiting.setdefault(key, (some, []))[1].append(_Doubt(one, why, failed))

    def settle(self) -> None:
        """Ask of all, and say what is to be said of each."""
        for some, doubts in self._waiting.values():
            self._emit(StageStarted(stage=Stage.COMPILED_INFERENCE))
            reading = self._reading([each.one for each in doubts], some)
            for one, why, failed in doubts:
                if one.number in reading:
                    self._emit(Left(member=one.number, why=why, note=READS_BEHIND))
                elif failed is not None:
                    self._running.keep(one)
                    self._emit(failed())

    def _reading(self, ones: list[One], some: Company | None) -> set[int]:
        try:
            found = self._running.reading_behind(ones, some)
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001 - what cannot be called again has ended as it has
            traceback.print_exc()
            return set()
        return {one.number for one, reads in zip(ones, found, strict=True) if reads}

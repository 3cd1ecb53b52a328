"""A case's work becomes the last word of the process that did it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.protocol import Finished
from schemas.record import Flags

if TYPE_CHECKING:
    from runner.work import Work


def notes_of(work: Work) -> tuple[str, ...]:
    """What its frontend and its stages have noted, each once."""
    return tuple(dict.fromkeys((*work.frontend.notes(), *work.notes)))


def last_word(work: Work, notes: tuple[str, ...]) -> Finished:
    """All that the record shows of the work beside its stages."""
    return Finished(
        comparisons=work.comparisons,
        tokens=work.tokens,
        casts=work.casts,
        metrics=work.metrics,
        ops=work.ops,
        intermediates=work.intermediates,
        flags=Flags(importer=work.importer_flags, compiler=work.compiler_flags, runtime=work.runtime_flags),
        notes=notes,
    )

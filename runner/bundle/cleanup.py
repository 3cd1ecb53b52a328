"""How much stays of a case: five levels, from everything to nothing."""

from __future__ import annotations

from enum import IntEnum

from schemas.bundle import Artefact
from schemas.errors import UsageError
from suites.findings import did_you_mean

#: Above this many bytes a file is left out from the second level on, and recorded by its hash.
DEFAULT_LIMIT = 500 * 1024**2

_MODULES = (Artefact.MODULE, Artefact.LOWERED, Artefact.COMPILED)


class Cleanup(IntEnum):
    """What is removed of a case; each level removes what the one before it does, and more."""

    NOTHING = 0
    LARGE = 1  # files above the limit
    MODULES = 2  # imported, lowered and compiled modules: remade from the source
    ARTEFACTS = 3  # the whole bundle; records and logs stay
    EVERYTHING = 4  # the logs too

    @property
    def bundles(self) -> bool:
        """Whether a bundle is left at all."""
        return self < Cleanup.ARTEFACTS

    def leaves_out(self, size: int, holds: frozenset[Artefact], limit: int) -> bool:
        """Whether a file of that size is recorded by its hash only; ``holds``: the artefacts that are stored in it."""
        if self >= Cleanup.MODULES and holds & {*_MODULES}:
            return True
        return self >= Cleanup.LARGE and size > limit


def parse_level(text: str) -> Cleanup:
    """``2`` or ``modules``; raises UsageError for anything else."""
    names = {name: level for level in Cleanup for name in (str(int(level)), level.name.lower())}
    if text not in names:
        shown = ", ".join(f"{int(level)} {level.name.lower()}" for level in Cleanup)
        raise UsageError(f"--cleanup {text}: no such level", did_you_mean(text, list(names), f"give one of {shown}"))
    return names[text]

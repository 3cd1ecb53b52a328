"""Cases become the few whose ends with others are judged again alone, and records that say how both agree. Pure."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

import msgspec

from runner.protocol import Failed, Passed
from schemas.record import AGREED, DIFFERED, Record, Together
from schemas.words import Outcome

#: The part of newly compiled cases that is judged again alone.
PART = 0.02
_NOTE = "it ended otherwise where the compiler had {} modules in one run, and not alone"


def drawn(cases: Sequence[str], seed: str, cold: int) -> frozenset[str]:
    """A seeded sample of case ids: as many as 2 % of the ``cold`` ones, and at least one where there is any.

    The same seed draws the same ones, whatever the order.
    """
    ranked = sorted(cases, key=lambda case: hashlib.sha256(f"{seed} {case}".encode()).digest())
    return frozenset(ranked[: max(1, math.ceil(PART * cold))])


def settled(record: Record, said: Passed | Failed) -> Record:
    """The record of a drawn case, run alone after it had ended with others as it should: alone is what counts.

    ``said`` is how it ended with others. INFRA says nothing of the case, and so nothing of how both agree.
    """
    if record.outcome is Outcome.INFRA:
        return record
    together = Together(modules=said.modules, again=AGREED if _agrees(record, said) else DIFFERED)
    notes = (_NOTE.format(said.modules),) if together.again == DIFFERED else ()
    return msgspec.structs.replace(record, together=together, notes=(*record.notes, *notes))


def _agrees(record: Record, said: Passed | Failed) -> bool:
    """Whether alone it has passed too, or failed in the same way: as is declared, or else by what it failed with."""
    if isinstance(said, Passed):
        return record.outcome is Outcome.PASS
    if record.expectation is None and record.error is not None:
        return record.outcome is Outcome.FAIL and record.error.signature == said.error.signature
    return record.outcome is Outcome.XFAIL

"""Cases become the few whose ends with others are judged again alone, and records that say how both agree. Pure."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

import msgspec

from schemas.record import AGREED, DIFFERED, Record, Together
from schemas.words import Outcome

#: The part of newly compiled cases that is judged again alone.
PART = 0.02


def drawn(cases: Sequence[str], seed: str, cold: int) -> frozenset[str]:
    """A seeded sample of case ids: as many as 2 % of the ``cold`` ones, and at least one where there is any.

    The same seed draws the same ones, whatever the order.
    """
    ranked = sorted(cases, key=lambda case: hashlib.sha256(f"{seed} {case}".encode()).digest())
    return frozenset(ranked[: max(1, math.ceil(PART * cold))])


def settled(record: Record, modules: int) -> Record:
    """The record of a drawn case, run alone after it had ended with others as it should: alone is what counts.

    INFRA says nothing of the case, and so nothing of how both agree.
    """
    if record.outcome is Outcome.INFRA:
        return record
    if record.outcome in (Outcome.PASS, Outcome.XFAIL):
        return msgspec.structs.replace(record, together=Together(modules=modules, again=AGREED))
    note = f"it ended as it should where {modules} modules were compiled together, and not alone"
    together = Together(modules=modules, again=DIFFERED)
    return msgspec.structs.replace(record, together=together, notes=(*record.notes, note))

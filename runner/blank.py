"""A case and what became of it become a record that has nothing else to say yet."""

from __future__ import annotations

from schemas.case import Case
from schemas.record import Record
from schemas.words import Outcome


def record_of(case: Case, outcome: Outcome, exit_status: str) -> Record:
    """What every record says of its case, whatever that did."""
    return Record(
        case=case.id,
        suite=case.suite,
        target=case.target,
        model=case.model,
        path=case.path,
        depth=case.depth,
        lowering=case.lowering,
        mode=case.mode,
        outcome=outcome,
        exit_status=exit_status,
        group=case.group,
        owner=case.owner,
        tags=case.tags,
        expectation=case.expectation,
        settings=case.settings,
        seed=case.seed,
    )

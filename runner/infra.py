"""A record whose failure was the machine's becomes INFRA, with the words of the case kept."""

from __future__ import annotations

import msgspec

from schemas.record import ErrorInfo, Record, StageResult
from schemas.words import Outcome, StageStatus

_GOOD = (StageStatus.PASS, StageStatus.SKIP)


def words_of(record: Record) -> str:
    """All that a failed case said of its failure."""
    return "" if record.error is None else f"{record.error.signature}\n{record.error.excerpt}".strip()


def failed_stage(record: Record) -> StageResult | None:
    """The stage that ended the case."""
    return next((each for each in record.stages if each.status not in _GOOD), None)


def as_infra(record: Record, signature: str, why: str) -> Record:
    """The record blamed on the machine at the stage that failed; its own words follow ``why`` in the excerpt."""
    failed = failed_stage(record)
    lost = None if failed is None else msgspec.structs.replace(failed, status=StageStatus.INFRA)
    return msgspec.structs.replace(
        record,
        outcome=Outcome.INFRA,
        exit_status=str(failed.stage) if failed is not None else record.exit_status,
        stages=tuple(lost if lost is not None and each is failed else each for each in record.stages),
        error=ErrorInfo(signature=signature, excerpt="\n".join(filter(None, (why, words_of(record))))),
    )

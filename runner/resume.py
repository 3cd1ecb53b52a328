"""An earlier journal of the same shard becomes what is kept of it and what is left to do."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from runner.journal import JournalState, read_journal
from schemas.case import Case
from schemas.errors import StaleError
from schemas.record import ShardHeader


def load_resumable(path: pathlib.Path, header: ShardHeader) -> JournalState:
    """The journal at ``path``, or an empty state when there is none.

    Raises StaleError when it belongs to other cases or to another shard, UsageError when it is damaged.
    """
    state = read_journal(path)
    if state.header is None:
        return state
    for what, found, wanted in (
        ("suite", state.header.suite, header.suite),
        ("target", state.header.target, header.target),
        ("shard", state.header.shard, header.shard),
        ("cases' digest", state.header.matrix_digest, header.matrix_digest),
    ):
        if found != wanted:
            raise StaleError(
                f"{path} cannot be resumed: its {what} is {found}, this run's is {wanted}",
                "run without --resume to begin anew, or go back to the manifests that it was made with",
            )
    return state


def left_to_do(cases: Sequence[Case], state: JournalState) -> tuple[Case, ...]:
    """The cases without a record: never begun, or begun and not finished. Order kept."""
    return tuple(case for case in cases if case.id not in state.records)

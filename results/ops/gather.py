"""The journals of all shards become a report's operations: read, joined, checked against the records."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from results.journal import Source
from results.ops.ask import Ops
from results.ops.join import settle
from results.ops.journal import read_journals
from results.ops.rows import CaseInfo
from results.ops.table import Tables
from results.spans import Spans
from schemas.opwords import OpTotals
from schemas.record import Record
from schemas.report import Problem
from schemas.words import Depth

_OP_BY_OP = (Depth.COMPILE_OP_BY_OP, Depth.EXECUTE_OP_BY_OP)


class OpSource(msgspec.Struct, frozen=True):
    """A shard's folder that counts, and what its records say it is of."""

    source: Source
    suite: str
    target: str


class Noted:
    """The records that go op by op, noticed while somebody else walks over all."""

    def __init__(self) -> None:
        self.infos: dict[str, CaseInfo] = {}
        self.totals: dict[str, OpTotals] = {}

    def passing(self, records: Iterable[Record]) -> Iterator[Record]:
        """The same records."""
        for record in records:
            if record.ops is not None or record.depth in _OP_BY_OP:
                self.infos[record.case] = _info(record)
                if record.ops is not None:
                    self.totals[record.case] = record.ops
            yield record


class GatheredOps(msgspec.Struct, frozen=True):
    """``ops`` is None where nothing goes op by op."""

    ops: Ops | None
    problems: tuple[Problem, ...]


@contextlib.contextmanager
def gathered_ops(
    sources: Iterable[OpSource], noted: Noted, standing: Mapping[str, str], spool: Path, *, planned: bool
) -> Iterator[GatheredOps]:
    """The operations; they can be asked until the block ends. ``standing``: as `settle` takes it.

    Raises ``OSError`` when there is no room for the scratch database, also from questions asked in the block.
    """
    chosen = sorted((each for each in sources if each.source.ops), key=lambda each: each.source.label)
    if not chosen and not noted.infos:
        yield GatheredOps(None, ())
        return
    try:
        with contextlib.closing(Tables(spool / "ops.sqlite")) as tables, Spans() as spans:
            labels = {number: each.source.label for number, each in enumerate(chosen)}
            problems = [
                problem
                for number, each in enumerate(chosen)
                for problem in read_journals(tables, number, each.source, each.suite, each.target)
            ]
            problems += settle(tables, standing, labels, noted.totals, planned=planned)
            yield GatheredOps(Ops(tables, spans, labels, noted.infos), tuple(problems))
    except sqlite3.OperationalError as error:  # a full disk, mostly; our callers know it by this name
        raise OSError(f"the scratch database of operations in {spool}: {error}") from error


def _info(record: Record) -> CaseInfo:
    return CaseInfo(
        case=record.case,
        suite=record.suite,
        target=record.target,
        model=record.model,
        path=record.path,
        group=record.group,
        depth=record.depth,
        outcome=record.outcome,
        exit_status=record.exit_status,
        signature=record.error.signature if record.error is not None else "",
    )

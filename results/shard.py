"""One shard's results become its report files, by the writers of the merged report."""

from __future__ import annotations

import tempfile
from pathlib import Path

import msgspec

from results.journal import Source
from results.ops.files import journals_below
from results.ops.gather import Noted, OpSource, gathered_ops
from results.tally import tally
from results.view import View
from results.write import write_all
from schemas.case import case_id
from schemas.matrix import Matrix
from schemas.record import ShardResults
from schemas.report import ReportHead, ShardEntry

#: Records from which on a process for the workbook gains more than its start takes.
_MANY = 200


def write_shard(folder: Path, results: ShardResults, matrix: Matrix | None) -> None:
    """Writes the report files into ``folder``. ``matrix`` is None for a run that no matrix asked for ("unplanned").

    The report says PARTIAL when the matrix plans more cases for this shard than ``results`` has records.
    Raises ``OSError`` when the folder cannot be written.
    """
    view = shard_view(results, matrix)
    noted = Noted()
    for _ in noted.passing(view.records):
        pass
    journals, _ = journals_below(folder)
    source = OpSource(Source(label=".", ops=journals), results.suite, results.target)
    standing = dict.fromkeys((record.case for record in view.records), ".")
    with (
        tempfile.TemporaryDirectory(prefix="e2eshard-ops-") as spool,
        gathered_ops([source], noted, standing, Path(spool), planned=False) as found,
    ):
        if found.ops is not None:
            problems = tuple(sorted(found.problems, key=lambda p: (not p.red, p)))
            red = view.head.red or any(problem.red for problem in problems)
            head = msgspec.structs.replace(view.head, ops=found.ops.summary(), problems=problems, red=red)
            view = View(head, view.records, found.ops)
        write_all(view, folder, by_two=len(view.records) >= _MANY)


def shard_view(results: ShardResults, matrix: Matrix | None) -> View:
    """The shard's records as a report, without their operations; sorted by case id."""
    records = tuple(sorted(results.records, key=lambda record: record.case))
    counts = tally(records)
    owed = _planned(results, matrix)
    absent = owed - {record.case for record in records}
    have = len(owed) - len(absent)
    head = ReportHead(
        schema=results.schema,
        suite=results.suite,
        target=results.target,
        shard=results.shard,
        matrix_digest=results.matrix_digest,
        attempt=results.attempt,
        provenance=results.provenance,
        suites=(results.suite,),
        targets=(results.target,),
        planned=matrix is not None,
        partial=bool(absent),
        partial_detail=f"{have} of the {len(owed)} cases of this shard have a result" if absent else "",
        red=counts.red or not records,
        totals=counts.totals,
        flaky=counts.flaky,
        unchecked=counts.unchecked,
        groups=counts.groups,
        skips=counts.skips,
        signatures=counts.signatures,
        missing=counts.missing,
        shards=(_entry(results, len(owed) or len(records)),),
    )
    return View(head, records)


def _planned(results: ShardResults, matrix: Matrix | None) -> frozenset[str]:
    plan = matrix.target(results.target) if matrix is not None and matrix.suite == results.suite else None
    if plan is None or results.shard is None:
        return frozenset()
    keys = [key for shard in plan.shards if shard.shard == results.shard for key in shard.cases]
    return frozenset(case_id(results.suite, results.target, key) for key in keys)


def _entry(results: ShardResults, planned: int) -> ShardEntry:
    return ShardEntry(
        suite=results.suite,
        target=results.target,
        shard=results.shard,
        attempt=results.attempt,
        file=".",
        matrix_digest=results.matrix_digest,
        planned=planned,
        recorded=len(results.records),
        taken=len(results.records),
        complete=True,
        provenance=results.provenance,
    )

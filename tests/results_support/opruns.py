"""Shards of cases that went op by op, merged, for the tests of what becomes of them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from results.merge import merge
from results.ops.ask import Ops
from results.ops.rows import OpRow
from results.view import View
from schemas.codec import decode, encode_pretty
from schemas.ops import OpLine, OpResult
from schemas.opwords import OpStatus
from schemas.report import ProblemKind, Report
from tests.results_support.build import journal, matrix
from tests.results_support.ops import op_case, op_record, result, write_ops

BERT, VIT = op_case("torch/bert/tiny"), op_case("torch/vit/tiny")
PLANNED = matrix([["torch/bert/tiny@torch-mlir"], ["torch/vit/tiny@torch-mlir"]])
ADD, SOFTMAX = result("aten.add"), result("aten.softmax", OpStatus.DISPATCHES, bundle="ops/bert/1")


def taken_over(found: OpResult) -> OpResult:
    return msgspec.structs.replace(found, reused=True, bundle="", reproduce="")


def shard(top: Path, number: int, case: str, lines: Iterable[OpLine], **fields: int) -> Path:
    """A shard's folder with one case."""
    lines = tuple(lines)
    folder = top / f"shard-{number}"
    attempt = fields.get("attempt", 1)
    journal(folder, [op_record(case, lines, shard=number, attempt=attempt)], shard=number, attempt=attempt)
    write_ops(folder, case, lines)
    return folder


def ops_of(view: View) -> Ops:
    assert view.ops is not None
    return view.ops


def places(rows: Iterable[OpRow]) -> list[tuple[str, int, str, int | None]]:
    return [(row.case, row.index, row.name, row.status) for row in rows]


def report(top: Path, *inputs: Path, plan: bool = False) -> Report:
    matrices = []
    if plan:
        (top / "m.json").write_bytes(encode_pretty(PLANNED))
        matrices = [top / "m.json"]
    merge(inputs or [top / "in"], matrices, None, top / "out")
    return decode((top / "out" / "results.json").read_bytes(), Report)


def red(found: Report) -> list[tuple[ProblemKind, str]]:
    return [(problem.kind, problem.text) for problem in found.problems if problem.red]

"""Turns matrices into what a person wants to see of them: what runs where, in how many shards, for how long."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from schemas.matrix import Matrix
from suites.workspace import Suite

_HEADINGS = ("suite", "target", "depth", "schedule", "cases", "skipped", "shards", "minutes", "longest")


def overview(matrices: Sequence[Matrix], suites: Sequence[Suite]) -> str:
    """One line per suite and target: cases, shards, expected job minutes in all and of the longest shard."""
    rows = [
        (
            matrix.suite,
            plan.target,
            matrix.depth,
            suite.schedule or "-",
            str(sum(len(shard.cases) for shard in plan.shards)),
            str(sum(case.skip is not None for case in suite.cases_for(plan.target))),
            str(len(plan.shards)),
            f"{sum(shard.minutes for shard in plan.shards):.1f}",
            f"{max(shard.minutes for shard in plan.shards):.1f}",
        )
        for matrix, suite in zip(matrices, suites, strict=True)
        for plan in matrix.targets
    ]
    return "\n".join(_table([_HEADINGS, *rows]))


def suite_page(matrix: Matrix) -> str:
    """All shards of a suite, each with its cases."""
    lines = []
    for plan in matrix.targets:
        for shard in plan.shards:
            needs = f", with {' '.join(shard.extras)}" if shard.extras else ""
            name = f"{matrix.suite}/{plan.target}/{shard.shard}"
            lines.append(f"{name}  {len(shard.cases)} cases, {shard.minutes:.1f} minutes{needs}")
            lines.extend(f"  {key}" for key in shard.cases)
    return "\n".join(lines)


def _table(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()

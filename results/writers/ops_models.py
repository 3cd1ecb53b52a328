"""A report's operations as models.md: every model under the furthest that all of its operations came."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from results.ops.rows import CaseOps
from results.ops.text import HEADINGS
from results.text import cell
from results.view import View

_BLOCKERS = 3


def write(view: View, path: Path) -> None:
    """Writes the page; of a report without operations only its first lines."""
    path.write_text("\n".join(_lines(view)) + "\n", encoding="utf-8")


def _lines(view: View) -> Iterator[str]:
    yield "# Models, operation by operation"
    yield ""
    if not view.head.planned:
        yield "> **UNPLANNED**: no matrix was given; models that never ran cannot be seen as missing."
        yield ""
    if view.ops is None:
        yield "No case of this run goes op by op."
        return
    worst = view.ops.failing_names()
    for standing, heading in HEADINGS.items():
        cases = [each for each in view.ops.cases if each.standing is standing]
        yield f"## {heading} ({len(cases)})"
        yield ""
        if cases:
            yield "| model | target | ops of | compiled | executed | verified | total | blocked by |"
            yield "|---|---|---|--:|--:|--:|--:|---|"
            for case in cases:
                yield _row(case, worst.get(case.info.case, ()))
            yield ""


def _row(case: CaseOps, blockers: tuple[str, ...]) -> str:
    info, counts = case.info, case.counts
    numbers = " | ".join(_share(part, counts.uses) for part in (counts.compiled, counts.executed, counts.verified))
    if not counts.uses:
        told = "; ".join(filter(None, (info.exit_status, info.signature))) or "no operation"
        blocked = cell(told)
    else:
        more = len(blockers) - _BLOCKERS
        blocked = ", ".join(cell(name) for name in blockers[:_BLOCKERS]) + (f" and {more} more" if more > 0 else "")
    backend = cell(case.backend) if case.backend else ""
    return f"| {cell(info.model)} | {cell(info.target)} | {backend} | {numbers} | {counts.uses} | {blocked} |"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%} ({part}/{whole})" if whole else ""

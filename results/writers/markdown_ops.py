"""A run's operations become sections of the summary: how far they came, and which block most models."""

from __future__ import annotations

from collections.abc import Iterator

from results.ops.ask import Ops
from results.ops.rows import RUNGS
from results.ops.text import HEADINGS, status_text
from results.text import cell
from schemas.report import OpsSummary

_BLOCKING = 40
_SIGNATURES = 20


def op_by_op(head: OpsSummary | None, ops: Ops | None) -> Iterator[str]:
    """The most blocking operations first; bounded, the workbook has all."""
    if head is None or ops is None:
        return
    yield f"## Op by op: {head.cases} cases, {head.uses} uses of {head.unique} unique operations"
    yield ""
    told = " · ".join(f"{heading} {head.standings.get(kind.value, 0)}" for kind, heading in HEADINGS.items())
    yield f"Cases: {told}"
    yield ""
    yield " · ".join(f"{status_text(rung)} {head.by_status[rung]}" for rung in range(RUNGS) if head.by_status[rung])
    yield ""
    ends = {
        "compared": head.compared,
        "verified": head.verified,
        "failed": head.failed,
        "timeouts": head.timeouts,
        "crashes": head.crashes,
        "unknown errors": head.unknown_errors,
        "without a result": head.no_result,
        "skipped": head.skipped,
    }
    yield " · ".join(f"{name} {count}" for name, count in ends.items() if count)
    yield ""
    yield from _blocking(ops)
    yield from _signatures(ops)


def _blocking(ops: Ops) -> Iterator[str]:
    found = ops.blocking
    if not found:
        return
    yield f"### Blocking operations ({len(found)})"
    yield ""
    yield "| op | target | models blocked | freed by it alone | uses | lowest rung | stopped at | signature |"
    yield "|---|---|--:|--:|--:|---|---|---|"
    for each in found[:_BLOCKING]:
        numbers = f"{each.models} | {each.frees} | {each.uses} | {status_text(each.lowest)}"
        why = cell(each.signature or each.outcome)
        yield f"| {cell(each.name)} | {cell(each.target)} | {numbers} | {cell(each.stopped or '-')} | {why} |"
    yield from _more(len(found) - _BLOCKING, "operations", "Blocking Ops")


def _signatures(ops: Ops) -> Iterator[str]:
    found = ops.signatures
    if not found:
        return
    yield f"### How operations fail ({len(found)})"
    yield ""
    yield "| signature | outcome | stopped at | target | models blocked | freed by it alone | uses |"
    yield "|---|---|---|---|--:|--:|--:|"
    for each in found[:_SIGNATURES]:
        names = (
            f"{cell(each.signature or '-')} | {cell(each.outcome)} | {cell(each.stopped or '-')} | {cell(each.target)}"
        )
        yield f"| {names} | {each.models} | {each.frees} | {each.uses} |"
    yield from _more(len(found) - _SIGNATURES, "ways to fail", "Failure Signatures")


def _more(count: int, what: str, sheet: str) -> Iterator[str]:
    yield ""
    if count > 0:
        yield f"**{count} more {what}; the sheet {sheet} of report.xlsx lists them all.**"
        yield ""

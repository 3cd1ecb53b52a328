"""What the comparisons found becomes sections of the summary: checks, first wrong values, tokens, correlations."""

from __future__ import annotations

from collections.abc import Iterator

from results.digest import Digest
from results.text import cell, code, prose
from results.view import unchecked_text
from schemas.report import ReportHead

_TEXTS = 3  # findings shown of one case


def disabled_checks(head: ReportHead, found: Digest) -> Iterator[str]:
    """Every case with a disabled check, those that it lets pass first."""
    if not found.unchecked:
        return
    yield f"## Disabled checks ({len(found.unchecked)})"
    yield ""
    yield f"{unchecked_text(head.unchecked)}."
    yield ""
    for each in found.unchecked:
        where = f", {code(each.issue)}" if each.issue else ""
        yield f"- {each.outcome} {code(each.case)}: {', '.join(each.checks)} disabled{where}"
        yield from (f"  - would fail: {code(text)}" for text in each.would_fail[:_TEXTS])
        if len(each.would_fail) > _TEXTS:
            yield f"  - … and {len(each.would_fail) - _TEXTS} more"
    yield ""


def reading_behind(_: ReportHead, found: Digest) -> Iterator[str]:
    """Cases whose outputs depend on what lies behind their inputs: right by luck where they pass."""
    if not found.reading_behind:
        return
    yield f"## Reading memory behind inputs ({len(found.reading_behind)})"
    yield ""
    yield "With other bytes behind their inputs these give other outputs; where they pass, it is by luck:"
    yield ""
    for case, outcome in found.reading_behind:
        yield f"- {outcome} {code(case)}"
    yield ""


def first_diverging(_: ReportHead, found: Digest) -> Iterator[str]:
    """Of each case whose values were looked at, the first that goes wrong."""
    if not found.diverging:
        return
    yield f"## First diverging values ({len(found.diverging)})"
    yield ""
    yield "| case | value | differ | max abs error | PCC |"
    yield "|---|---|--:|--:|--:|"
    for case, value in found.diverging:
        largest = "" if value.max_abs is None else f"{value.max_abs:.3g}"
        pcc = "" if value.pcc is None else repr(value.pcc)
        yield f"| {cell(case)} | {cell(value.output)} | {value.mismatched} of {value.total} | {largest} | {pcc} |"
    yield ""


def token_differences(_: ReportHead, found: Digest) -> Iterator[str]:
    """Where decoded tokens differ, and the first token that does."""
    if not found.tokens:
        return
    yield f"## Token differences ({len(found.tokens)})"
    yield ""
    for case, difference in found.tokens:
        yield f"- {code(case)}: {prose(difference)}"
    yield ""


def goldens(_: ReportHead, found: Digest) -> Iterator[str]:
    """Figures that miss their goldens, and those that improved on them."""
    if not found.goldens:
        return
    yield "## Goldens"
    yield ""
    yield "| | figure | measured | golden | change | case | outcome |"
    yield "|---|---|--:|--:|--:|---|---|"
    for each in found.goldens:
        figures = f"{each.measured:.6g} | {each.golden:g} | {each.delta}"
        yield f"| {each.standing} | {each.what} | {figures} | {cell(each.case)} | {each.outcome} |"
    yield ""


def lowest_pcc(_: ReportHead, found: Digest) -> Iterator[str]:
    """The worst correlations, of passes too: tomorrow's failures."""
    if not found.least_correlated:
        return
    yield "## Lowest PCC"
    yield ""
    yield "| PCC | required | max abs error | case | outcome |"
    yield "|--:|--:|--:|---|---|"
    for low in found.least_correlated:
        required = "" if low.required is None else repr(low.required)
        largest = "" if low.max_abs is None else f"{low.max_abs:.3g}"
        yield f"| {low.pcc!r} | {required} | {largest} | {cell(low.case)} | {low.outcome} |"
    yield ""

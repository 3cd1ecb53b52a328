"""A comparison as Markdown: the verdict, the overlap, then every difference, the regressions first."""

from __future__ import annotations

from collections.abc import Iterator

from results.compare import Change, Comparison
from results.text import cell, code, prose

HEADINGS: dict[Change, str] = {
    Change.REGRESSION: "Regressions",
    Change.FIX: "Fixes",
    Change.CHANGED: "Fail in another way",
    Change.FLAKY: "Flaky in one of the runs",
    Change.UNJUDGED: "No verdict any more",
    Change.JUDGED: "A verdict for the first time",
    Change.NEW: "New cases",
    Change.VANISHED: "Vanished cases",
}


def markdown(comparison: Comparison) -> str:
    """The whole text; one line a case."""
    return "\n".join(_lines(comparison)) + "\n"


def _lines(comparison: Comparison) -> Iterator[str]:
    counts = comparison.counts
    yield f"# {code(comparison.new)} against {code(comparison.old)}"
    yield ""
    verdict = f"{counts[Change.REGRESSION]} regressions" if counts[Change.REGRESSION] else "no regression"
    if comparison.incomparable:
        verdict += ", but not all could be compared"
    yield f"{'❌' if comparison.red else '✅'} **{verdict}** · " + " · ".join(
        f"{HEADINGS[change].lower()} {counts[change]}" for change in Change if change is not Change.REGRESSION
    )
    yield ""
    for text in comparison.incomparable:
        yield f"- **not comparable**: {prose(text)}"
    if comparison.partial:
        yield "- **PARTIAL**: the new run is of a selection; vanished cases were not asked for"
    yield ""
    yield "| suite | target | old | new | in both |"
    yield "|---|---|--:|--:|--:|"
    for item in comparison.overlaps:
        yield f"| {cell(item.suite)} | {cell(item.target)} | {item.old} | {item.new} | {item.both} |"
    for change, heading in HEADINGS.items():
        chosen = [d for d in comparison.differences if d.change is change]
        if not chosen:
            continue
        yield ""
        yield f"## {heading} ({len(chosen)})"
        yield ""
        for found in chosen:
            told = " → ".join(code(text) for text in (found.before, found.after) if text)
            yield f"- {code(found.case)}: {told}"

"""Decisions become the Markdown of a pull request: what moves where, why, and what was left alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from results.promote.decide import Decision, Move
from results.promote.issues import PLACEHOLDER, Issue
from results.promote.records import SeenRun
from results.promote.standing import LISTS
from results.text import cell, code, prose

_MAX_ROWS = 500
_WHAT = {
    Move.PASSES: "they pass end to end",
    Move.COMPILES: "all their operations compile, and not all execute",
    Move.NUMERICS: "they run end to end and fail numerics: the check that failed is disabled",
    Move.REGRESSED: "they ran before and do not any more",
}


def explanation(
    decisions: Sequence[Decision], runs: Sequence[SeenRun], issues: Sequence[Issue], *, placeholders: bool = False
) -> str:
    """The whole text; it says so when nothing moves. ``placeholders``: the patch names issues without an address."""
    return "\n".join(_lines(decisions, runs, issues, placeholders=placeholders)) + "\n"


def _lines(
    decisions: Sequence[Decision], runs: Sequence[SeenRun], issues: Sequence[Issue], *, placeholders: bool
) -> Iterator[str]:
    moving = [each for each in decisions if each.changes]
    yield "# Models that change lists"
    yield ""
    yield f"{len(moving)} moves after {len(runs)} runs, oldest first: {', '.join(code(run.name) for run in runs)}."
    for move, what in _WHAT.items():
        yield from _table([each for each in moving if each.move is move], what)
    if issues:
        yield from ("", "## Issues to file", "")
        yield from (f"- {prose(each.title)} (label {', '.join(map(code, each.labels))})" for each in issues)
    if placeholders:
        yield ""
        yield f"An address that begins with {code(PLACEHOLDER)} stands for an issue that is not filed yet: replace it."
    if moving:
        yield from ("", "Then `python -m generator` brings matrices and workflows up to date.")
    yield from _left_alone([each for each in decisions if each.move is Move.STAYS and each.why])


def _table(moving: Sequence[Decision], what: str) -> Iterator[str]:
    if not moving:
        return
    yield from ("", f"## {len(moving)}: {what}", "", "| model | target | from | to | why |", "|---|---|---|---|---|")
    for each in moving[:_MAX_ROWS]:
        said = [prose(each.why)]
        said += [f"Disabled: {', '.join(each.disable)}."] if each.disable else []
        said += ["The failure is declared as expected."] if each.declare is not None else []
        said += ["It is expected to fail no more."] if each.undeclare else []
        row = (cell(each.model), cell(each.target), _names(each.before), _names(each.lists), " ".join(said))
        yield f"| {' | '.join(row)} |"
    yield from _rest(moving)


def _left_alone(left: Sequence[Decision]) -> Iterator[str]:
    if not left:
        return
    yield from ("", "## Left alone", "", "| model | target | in | why |", "|---|---|---|---|")
    for each in left[:_MAX_ROWS]:
        yield f"| {cell(each.model)} | {cell(each.target)} | {_names(each.before)} | {prose(each.why)} |"
    yield from _rest(left)


def _rest(rows: Sequence[Decision]) -> Iterator[str]:
    if len(rows) > _MAX_ROWS:
        yield ""
        yield f"… and {len(rows) - _MAX_ROWS} more."


def _names(lists: Iterable[str]) -> str:
    known = frozenset(lists)
    return ", ".join(name for name in LISTS if name in known) or "no list"

"""A decision that somebody has to look after becomes the text of an issue: title, labels and body. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from urllib.parse import quote

import msgspec

from results.promote import yamltext
from results.promote.decide import Decision, Move
from results.promote.evidence import End
from results.promote.records import SeenRun
from results.promote.standing import NIGHTLY, NIGHTLY_OPS
from results.text import block, cell, code, one_line

#: Labels and headings are those of .github/ISSUE_TEMPLATE.
PCC_ISSUE = "models_pcc_issue"
REGRESSION = "models_regression"
HEADINGS = {
    PCC_ISSUE: ("Model", "What differs", "What was done", "Reproduce", "Runs"),
    REGRESSION: ("Model", "How it ends", "What was done", "Reproduce", "Runs"),
}
#: Stands in a manifest for an issue of a repository that nobody named. No such host can exist.
PLACEHOLDER = "https://issues.invalid"


class Issue(msgspec.Struct, frozen=True, kw_only=True):
    """One issue to be filed."""

    model: str
    target: str
    title: str
    labels: tuple[str, ...]
    body: str

    @property
    def file(self) -> str:
        """A name for a file of it."""
        return f"{self.labels[0]}.{_slug(self.model)}.{_slug(self.target)}.md"

    def text(self) -> str:
        """The file: title and labels as in an issue template, then the body."""
        return f"---\ntitle: {yamltext.scalar(self.title)}\nlabels: {yamltext.flow(self.labels)}\n---\n\n{self.body}"


def label(decision: Decision) -> str:
    """The label of a decision's issue."""
    return PCC_ISSUE if decision.move is Move.NUMERICS else REGRESSION


def address(decision: Decision, repository: str) -> str:
    """Where the issue is found before it has a number: a search for its title."""
    name = label(decision)
    if not repository:
        return f"{PLACEHOLDER}/{name}/{decision.model}/{decision.target}"
    query = f'is:issue label:{name} in:title "{decision.model} on {decision.target}"'
    return f"{repository.rstrip('/')}/issues?q={quote(query, safe='')}"


def issue(decision: Decision, runs: Sequence[SeenRun]) -> Issue:
    """The text for a decision with ``needs_issue``."""
    name = label(decision)
    signature = one_line(decision.end.signature if decision.end is not None else "", 120)
    what = (
        signature if name == PCC_ISSUE else f"regressed at {decision.end.stage if decision.end else '?'}: {signature}"
    )
    parts = dict(zip(HEADINGS[name], (_model, _numbers if name == PCC_ISSUE else _ends, _done, _again), strict=False))
    lines: list[str] = []
    for heading in HEADINGS[name]:
        part = parts.get(heading)
        lines += [f"### {heading}", "", *(part(decision) if part is not None else _runs(decision, runs)), ""]
    return Issue(
        model=decision.model,
        target=decision.target,
        title=f"{decision.model} on {decision.target}: {what}",
        labels=(name,),
        body="\n".join(lines),
    )


def _model(decision: Decision) -> Iterator[str]:
    case = decision.end.record.case if decision.end is not None else decision.key
    yield f"{code(decision.model)} on {code(decision.target)}, case {code(case)}"


def _numbers(decision: Decision) -> Iterator[str]:
    record = decision.end.record if decision.end is not None else None
    if record is None:
        return
    yield "| output | PCC | largest absolute error | elements that differ | reason |"
    yield "|---|---|---|---|---|"
    for one in record.comparisons[:20]:
        if not one.passed:
            yield (
                f"| {cell(one.output)} | {_number(one.pcc)} | {_number(one.max_abs)} | {one.mismatched} of {one.total} "
                f"| {cell(one.reason)} |"
            )
    for token in record.tokens[:20]:
        if not token.passed:
            yield f"| {cell(token.output)} | | | | {cell(token.reason)} |"


def _ends(decision: Decision) -> Iterator[str]:
    end = decision.end
    if end is None:
        return
    yield f"{end.kind} at {code(str(end.stage))}: {code(end.signature)}"
    if end.record.error is not None and end.record.error.excerpt:
        yield ""
        yield from block(end.record.error.excerpt)


def _done(decision: Decision) -> Iterator[str]:
    if decision.disable:
        yield f"In {NIGHTLY} these checks are disabled on {decision.target}: {', '.join(decision.disable)}."
    else:
        yield f"Its operations run in {NIGHTLY_OPS}."
    if decision.declare is not None:
        yield f"{NIGHTLY} expects this failure: it is red again as soon as the model passes or fails otherwise."


def _again(decision: Decision) -> Iterator[str]:
    command = decision.end.record.reproduce if decision.end is not None else ""
    yield from block(command or f"python -m runner {decision.model} --target {decision.target}")


def _runs(decision: Decision, runs: Sequence[SeenRun]) -> Iterator[str]:
    if decision.last_good is not None:
        yield f"- last good: {told(decision.last_good, runs)}"
    if decision.end is not None:
        yield f"- this one: {told(decision.end, runs)}"


def told(end: End, runs: Sequence[SeenRun]) -> str:
    """A run in words: its name, compiler, commit and time."""
    run = runs[end.run]
    made = run.made_with.get((end.record.suite, end.record.target), "")
    return code(run.name) + (f" ({one_line(made, 200)})" if made else "")


def _number(value: float | None) -> str:
    return "" if value is None else repr(value)


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", text)

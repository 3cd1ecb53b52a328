"""The text of an expectation file turned into the lines of its groups and cases, for edits that keep every comment.

All lines and columns count from 1; `indent` is the number of spaces before a dash.
"""

from __future__ import annotations

import msgspec

from schemas.errors import ManifestError
from suites.findings import Findings
from suites.nodes import MappingNode, Node, ScalarNode, SequenceNode, parse


class CaseLine(msgspec.Struct, frozen=True):
    """One `- model@path` line. `alone` is False inside a flow list `[a, b]`, where no line can be cut out."""

    key: str
    line: int
    alone: bool = True


class GroupLines(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of `failures:`; its text is lines `first` to `last`, comments inside included."""

    signature: str
    stage: str
    outcome: str
    cause: str
    first: int
    last: int
    cases_key: int  # the line of `cases:`
    cases_indent: int
    cases: tuple[CaseLine, ...]


class FileLines(msgspec.Struct, frozen=True, kw_only=True):
    """Where everything stands in one expectation file; `failures_key` is 0 when there is no `failures:` line."""

    failures_key: int
    failures_empty: bool  # `failures: []`
    groups_indent: int
    groups: tuple[GroupLines, ...]


def locate(text: str, file: str) -> FileLines:
    """The lines of an expectation file; raises `ManifestError` when it is not readable YAML."""
    findings = Findings()
    root = parse(text.encode(), file, findings)
    if findings:
        raise ManifestError(findings.all())
    key, value = _member(root, "failures")
    items = value.value if isinstance(value, SequenceNode) else []
    return FileLines(
        failures_key=_line(key) if key else 0,
        failures_empty=not items,
        groups_indent=_dash_indent(value) if items and value else 2,
        groups=tuple(_group(item) for item in items if isinstance(item, MappingNode)),
    )


def _group(node: MappingNode) -> GroupLines:
    key, cases = _member(node, "cases")
    items = cases.value if isinstance(cases, SequenceNode) else []
    flow = bool(items) and isinstance(cases, SequenceNode) and bool(cases.flow_style)
    return GroupLines(
        signature=_text(node, "signature"),
        stage=_text(node, "stage"),
        outcome=_text(node, "outcome") or "FAIL",
        cause=_text(node, "cause"),
        first=_line(node),
        last=_last_line(node),
        cases_key=_line(key) if key else 0,
        cases_indent=_dash_indent(cases) if items and cases and not flow else node.start_mark.column + 2,
        cases=tuple(CaseLine(i.value, _line(i), not flow) for i in items if isinstance(i, ScalarNode)),
    )


def _member(node: Node | None, name: str) -> tuple[Node | None, Node | None]:
    if isinstance(node, MappingNode):
        for key, value in node.value:
            if isinstance(key, ScalarNode) and key.value == name:
                return key, value
    return None, None


def _text(node: MappingNode, name: str) -> str:
    _, value = _member(node, name)
    return value.value if isinstance(value, ScalarNode) else ""


def _line(node: Node) -> int:
    return int(node.start_mark.line) + 1


def _dash_indent(sequence: Node) -> int:
    return int(sequence.start_mark.column)


def _last_line(node: Node) -> int:
    """The last line with content: a block node's own end mark lies behind the comments that follow it."""
    if isinstance(node, ScalarNode):
        end = node.end_mark
        return int(end.line) + (1 if end.column else 0) if end.line > node.start_mark.line else _line(node)
    if not isinstance(node, (MappingNode, SequenceNode)):
        return _line(node)
    if node.flow_style:
        return int(node.end_mark.line) + 1
    parts = [part for pair in node.value for part in (pair if isinstance(pair, tuple) else (pair,))]
    return max((_last_line(part) for part in parts), default=_line(node))

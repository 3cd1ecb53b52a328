"""An expectation file becomes its groups with the lines they stand on, and the comments that belong to them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import yaml

from results.expectations.gap import Gap
from schemas.errors import Finding, Location, ManifestError
from schemas.words import Outcome, Stage
from suites.positions import FileLines, GroupLines, locate


class Item(msgspec.Struct, frozen=True):
    """One case key and its line (from 0)."""

    key: str
    line: int


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of ``failures``. Lines count from 0; ``lead`` is the first comment line that belongs to it."""

    gap: Gap
    explained: bool  # it has a cause, written by a person
    lead: int
    first: int
    last: int
    cases_line: int  # of the key `cases`
    indent: int  # columns before the dash of a case
    items: tuple[Item, ...]


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """A file's lines (without their line feeds) and where its groups stand."""

    lines: tuple[str, ...]
    groups: tuple[Group, ...]
    failures_line: int | None  # of the key `failures`; None where it is absent
    end: int  # the line after the last group's
    indent: int  # columns before the dash of a group

    def declared(self) -> dict[str, Gap]:
        """Every case key with what is expected of it."""
        return {item.key: group.gap for group in self.groups for item in group.items}


def read_layout(text: str, file: Path) -> Layout:
    """Raises ``ManifestError`` with the place of everything that keeps the file from being changed line by line."""
    lines = tuple(text.split("\n"))
    located = locate(text, file.as_posix())
    findings = _findings(located, file.as_posix())
    if findings:
        raise ManifestError(findings)
    groups: list[Group] = []
    floor = located.failures_key
    for number, found in enumerate(located.groups):
        limit = located.groups[number + 1].first - 1 if number + 1 < len(located.groups) else len(lines)
        groups.append(_group(found, lines, located.groups_indent, floor, limit))
        floor = groups[-1].last + 1
    end = groups[-1].last + 1 if groups else located.failures_key or _end_of_text(lines)
    return Layout(
        lines=lines,
        groups=tuple(groups),
        failures_line=located.failures_key - 1 if located.failures_key else None,
        end=end,
        indent=located.groups_indent,
    )


def signature_place(layout: Layout, group: Group) -> tuple[int, int, int] | None:
    """Line, first and last column of the group's signature text; None where it spans lines."""
    for number in range(group.first, group.last + 1):
        line = layout.lines[number].rstrip("\r")
        before, key, after = line.partition("signature:")
        if not key or before.strip() not in ("", "-"):
            continue
        try:
            node = yaml.compose(after, Loader=yaml.SafeLoader)
        except yaml.YAMLError:
            return None
        if not isinstance(node, yaml.ScalarNode) or node.value != group.gap.signature:
            return None
        start = len(before) + len(key)
        return number, start + node.start_mark.column, start + node.end_mark.column
    return None


def _findings(located: FileLines, file: str) -> tuple[Finding, ...]:
    findings: list[Finding] = []
    seen: dict[str, int] = {}
    for group in located.groups:
        at = Location(file, group.first, 1)
        if group.stage not in tuple(Stage) or group.outcome not in tuple(Outcome):
            message = f"stage {group.stage!r} and outcome {group.outcome!r} are not both known"
            findings.append(Finding(at, message, f"stages are {', '.join(Stage)}"))
        for case in group.cases:
            place = Location(file, case.line, 1)
            if not case.alone:
                findings.append(
                    Finding(place, f"{case.key} does not stand on a line of its own", "write `- model@path`")
                )
            if seen.setdefault(case.key, case.line) != case.line:
                text = f"{case.key} is listed twice, first in line {seen[case.key]}"
                findings.append(Finding(place, text, "delete one of the two lines"))
    return tuple(findings)


def _group(found: GroupLines, lines: Sequence[str], column: int, floor: int, limit: int) -> Group:
    first, last = found.first - 1, found.last - 1
    for number in range(last + 1, limit):  # comments deeper than the dashes are still this group's
        if lines[number].strip().startswith("#") and _indent(lines[number]) > column:
            last = number
    lead = first
    while lead > floor and lines[lead - 1].strip().startswith("#") and _indent(lines[lead - 1]) == column:
        lead -= 1
    return Group(
        gap=Gap(Stage(found.stage), Outcome(found.outcome), found.signature),
        explained=bool(found.cause),
        lead=lead,
        first=first,
        last=last,
        cases_line=found.cases_key - 1,
        indent=found.cases_indent,
        items=tuple(Item(case.key, case.line - 1) for case in found.cases),
    )


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _end_of_text(lines: Sequence[str]) -> int:
    end = len(lines)
    while end and not lines[end - 1].strip():
        end -= 1
    return end

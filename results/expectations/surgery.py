"""An expectation file's lines and a run's observations become new lines; all others stay byte for byte. Pure."""

from __future__ import annotations

import bisect
import json
import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from results.expectations.gap import Gap, Observed, Refusal
from results.expectations.layout import Group, Layout, read_layout, signature_place
from schemas.errors import E2EShardError
from schemas.words import OWN_STAGES, Outcome

#: Plain YAML scalars that need no quotes: every usual case key.
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./+-]*@[A-Za-z0-9._-]+")
#: What a YAML reader may refuse or take for a line break, though JSON leaves it alone.
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")


def revise(text: str, file: Path, observed: Observed, cause: str) -> tuple[str, tuple[Refusal, ...]]:
    """The file's new text, and the failures that could not be declared.

    ``text`` is empty or only comments for a new file. ``cause`` is written to new groups at the project's own stages;
    where it is empty, failures at those are refused. Raises ``ManifestError`` for a file that cannot be changed line
    by line, and ``E2EShardError`` should the new text not say what was observed.
    """
    layout = read_layout(text, file)
    failing, refused = _declarable(layout, observed, cause)
    declared = layout.declared()
    moved = {key: gap for key, gap in failing.items() if declared.get(key) != gap}
    gone = {key for key in declared if key in observed.passing} | (moved.keys() & declared.keys())
    edit = _Edit(layout, cause)
    edit.apply(gone, moved)
    new = edit.text()
    wanted = {key: gap for key, gap in declared.items() if key not in gone} | moved
    if read_layout(new, file).declared() != wanted:
        raise E2EShardError(
            f"{file} cannot be changed line by line", "write one `- model@path` a line, without brackets and anchors"
        )
    return new, refused


def _declarable(layout: Layout, observed: Observed, cause: str) -> tuple[dict[str, Gap], tuple[Refusal, ...]]:
    """The project's own stages are not the compiler's: a failure there needs a cause written by a person."""
    known = {group.gap for group in layout.groups}
    failing: dict[str, Gap] = {}
    refused = list(observed.refused)
    for key, gap in observed.failing.items():
        if gap.stage in OWN_STAGES and gap not in known and not cause:
            why = f"fails at {gap.stage}, which is not the compiler's: {gap.signature}"
            remedy = "mend it, or say why it is expected: --cause 'TEXT', or an entry with cause: written by hand"
            refused.append(Refusal(key, why, remedy))
        else:
            failing[key] = gap
    return failing, tuple(sorted(refused))


class _Edit:
    """Line edits that do not disturb each other: lines to drop, to replace, and to put before others."""

    def __init__(self, layout: Layout, cause: str) -> None:
        self.layout = layout
        self.cause = cause
        self.dropped: set[int] = set()
        self.replaced: dict[int, str] = {}
        self.inserted: dict[int, list[str]] = defaultdict(list)
        self.ending = "\r" if layout.lines[0].endswith("\r") else ""

    def apply(self, gone: set[str], moved: Mapping[str, Gap]) -> None:
        """Drops ``gone`` from where they are declared and declares ``moved`` where they belong now."""
        arriving: dict[Gap, list[str]] = defaultdict(list)
        for key, gap in moved.items():
            arriving[gap].append(key)
        known = {group.gap for group in self.layout.groups}
        homes = _homes(self.layout)
        kept = 0
        for group in self.layout.groups:
            leaving = {item.key for item in group.items if item.key in gone}
            renamed = self._renamed(group, leaving, moved, known)
            if renamed is not None:
                came = set(arriving.pop(renamed))
                if group.explained:  # what comes from elsewhere may have another cause
                    arriving |= {renamed: sorted(came - leaving)} if came - leaving else {}
                    came &= leaving
                self._rename(group, renamed)
                self._change_cases(group, leaving - came, sorted(came - leaving))
                known.add(renamed)
                kept += 1
                continue
            joining = arriving.pop(group.gap, []) if homes.get(group.gap) is group else []
            if len(leaving) == len(group.items) and not joining:
                self._drop_group(group)
            else:
                self._change_cases(group, leaving, sorted(joining))
                kept += 1
        self._add_groups(arriving, kept)

    def _renamed(self, group: Group, leaving: set[str], moved: Mapping[str, Gap], known: set[Gap]) -> Gap | None:
        """The new gap of a group whose signature alone changed: its issue, owner and comments stay with it."""
        if (
            len(leaving) < len(group.items)
            or signature_place(self.layout, group) is None
            or group.gap.stage in OWN_STAGES
        ):
            return None
        to = {moved[key] for key in leaving if key in moved}
        if len(to) != 1 or any(gap == group.gap for gap in moved.values()):
            return None
        gap = to.pop()
        same = (gap.stage, gap.outcome) == (group.gap.stage, group.gap.outcome)
        return gap if same and gap not in known else None

    def _rename(self, group: Group, gap: Gap) -> None:
        place = signature_place(self.layout, group)
        if place is not None:
            line, start, end = place
            old = self.layout.lines[line]
            self.replaced[line] = old[:start] + quoted(gap.signature) + old[end:]

    def _change_cases(self, group: Group, leaving: set[str], arriving: list[str]) -> None:
        items = group.items
        self.dropped.update(item.line for item in items if item.key in leaving)
        keys = [item.key for item in items]
        ordered = keys == sorted(keys)
        for key in arriving:
            place = bisect.bisect(keys, key) if ordered else len(keys)
            at = items[place - 1].line + 1 if place else self._above(items[0].line, group.cases_line)
            self.inserted[at].append(f"{' ' * group.indent}- {scalar(key)}{self.ending}")

    def _above(self, line: int, floor: int) -> int:
        """Before the comments that stand directly above ``line``: they are about that case."""
        while line - 1 > floor and self.layout.lines[line - 1].strip().startswith("#"):
            line -= 1
        return line

    def _drop_group(self, group: Group) -> None:
        lines = self.layout.lines
        start, end = group.lead, group.last + 1
        after_blank = end < len(lines) - 1 and not lines[end].strip()
        if after_blank and not lines[start - 1].strip():
            end += 1  # else two blank lines would meet
        self.dropped.update(range(start, end))

    def _add_groups(self, arriving: Mapping[Gap, list[str]], kept: int) -> None:
        """New groups go to the end, those with the most cases first."""
        order = sorted(arriving, key=lambda gap: (-len(arriving[gap]), gap.signature, gap.stage, gap.outcome))
        layout = self.layout
        line = layout.failures_line
        if line is None:
            if order:
                self.inserted[layout.end].append(f"failures:{self.ending}")
        elif not layout.groups or not kept:
            key, _, comment = layout.lines[line].rstrip("\r").partition("#")
            tail = f"  #{comment}" if comment else ""
            if order and key.rstrip() != "failures:":
                self.replaced[line] = f"failures:{tail}{self.ending}"
            elif not order and layout.groups:
                self.replaced[line] = f"failures: []{tail}{self.ending}"
        for gap in order:
            self.inserted[layout.end] += [text + self.ending for text in self._group(gap, sorted(arriving[gap]))]

    def _group(self, gap: Gap, keys: list[str]) -> list[str]:
        layout = self.layout
        pad = " " * layout.indent
        inner = 2
        if layout.groups:
            first = layout.groups[0]
            inner = max(0, first.indent - layout.indent - 2)
        lines = [f"{pad}- signature: {quoted(gap.signature)}", f"{pad}  stage: {gap.stage}"]
        if gap.outcome is not Outcome.FAIL:
            lines.append(f"{pad}  outcome: {gap.outcome}")
        if gap.stage in OWN_STAGES:
            lines.append(f"{pad}  cause: {quoted(self.cause)}")
        lines.append(f"{pad}  cases:")
        return lines + [f"{pad}  {' ' * inner}- {scalar(key)}" for key in keys]

    def text(self) -> str:
        lines: list[str] = []
        for number, line in enumerate(self.layout.lines):
            lines += self.inserted.get(number, ())
            if number not in self.dropped:
                lines.append(self.replaced.get(number, line))
        lines += self.inserted.get(len(self.layout.lines), ())
        return "\n".join(lines)


def _homes(layout: Layout) -> dict[Gap, Group]:
    """The group that a new case of each failure joins: one without a cause, since nobody knows yet whether it is that.

    At the project's own stages every group has one, and says all that there is to say.
    """
    groups = sorted(layout.groups, key=lambda group: group.explained)
    homes: dict[Gap, Group] = {}
    for group in groups:
        if not group.explained or group.gap.stage in OWN_STAGES:
            homes.setdefault(group.gap, group)
    return homes


def quoted(text: str) -> str:
    """``text`` as a double-quoted YAML scalar on one line."""
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(text, ensure_ascii=False))


def scalar(key: str) -> str:
    """A case key as it is, or quoted where YAML could misread it."""
    return key if _PLAIN.fullmatch(key) else quoted(key)

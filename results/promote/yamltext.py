"""A YAML text and one change become a text that differs in nothing else: comments, order and style stay."""

from __future__ import annotations

import re
from collections.abc import Sequence

import yaml

from results.expectations.surgery import quoted
from schemas.errors import E2EShardError

Path = Sequence[str | int]  # keys and positions, from the root of the text
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./+-]*")
_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})
_NUMBER = re.compile(r"[0-9][0-9_.eE+-]*|0[xob].*|\d+(:\d+)+|[0-9]{4}-.*")


def scalar(text: str) -> str:
    """A text as YAML writes it, in quotes where it could be read as something else."""
    odd = text.lower() in _WORDS or _NUMBER.fullmatch(text) or not _PLAIN.fullmatch(text)
    return quoted(text) if odd else text


def flow(texts: Sequence[str]) -> str:
    """A list on one line."""
    return f"[{', '.join(map(scalar, texts))}]"


def find(text: str, path: Path) -> yaml.Node | None:
    """The node at a path, or None."""
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    for step in path:
        if node is None:
            return None
        if isinstance(step, int):
            node = node.value[step] if isinstance(node, yaml.SequenceNode) and step < len(node.value) else None
        else:
            node = _pair(node, step)[1]
    return node


def put(text: str, path: Path, value: str, after: str = "") -> str:
    """Sets the value at a path (``value`` is YAML on one line); mappings that are not there are made.

    A new key comes behind the key ``after``, else last.
    """
    for depth in range(len(path), 0, -1):
        parent = find(text, path[: depth - 1])
        if isinstance(parent, yaml.MappingNode):
            break
    else:
        raise _unchangeable(path)
    step = path[depth - 1]
    if depth == len(path) and (node := find(text, path)) is not None:
        return _replace(text, node, value)
    rest = value
    for key in reversed(path[depth:]):
        rest = f"{{{scalar(str(key))}: {rest}}}"
    return _add_pair(text, parent, f"{scalar(str(step))}: {rest}", after)


def drop(text: str, path: Path) -> str:
    """Removes the key at a path."""
    parent = find(text, path[:-1])
    if not isinstance(parent, yaml.MappingNode):
        raise _unchangeable(path)
    pairs = [(key.start_mark.index, _end(value)) for key, value in parent.value]
    number = next(n for n, (key, _) in enumerate(parent.value) if key.value == path[-1])
    if parent.flow_style:
        return _cut_flow(text, pairs, number)
    key = parent.value[number][0]
    dash = text[_line_start(text, key.start_mark.index) : key.start_mark.index].strip()
    if dash and len(pairs) > 1:
        return text[: pairs[0][0]] + text[pairs[1][0] :]  # it stands behind a dash, where the next key goes now
    first, last = key.start_mark.line, _last_line(parent.value[number][1])
    return _without_lines(text, first, last + 1)


def add_item(text: str, path: Path, item: str, after: str = "") -> str:
    """Adds a text to the list at a path; where there is none, it is made behind the key ``after``."""
    node = find(text, path)
    if node is None:
        return put(text, path, flow([item]), after)
    if not isinstance(node, yaml.SequenceNode):
        raise _unchangeable(path)
    if node.flow_style or not node.value:
        if not node.value:
            return _replace(text, node, flow([item]))
        at = _end(node.value[-1])
        return f"{text[:at]}, {scalar(item)}{text[at:]}"
    line = f"{' ' * node.start_mark.column}- {scalar(item)}"
    return insert_lines(text, _last_line(node) + 1, [line])


def drop_item(text: str, path: Path, item: str) -> str:
    """Removes a text from the list at a path, and the list with its last item."""
    node = find(text, path)
    if not isinstance(node, yaml.SequenceNode):
        raise _unchangeable(path)
    number = next(n for n, each in enumerate(node.value) if each.value == item)
    if len(node.value) == 1:
        return drop(text, path)
    if node.flow_style:
        return _cut_flow(text, [(each.start_mark.index, _end(each)) for each in node.value], number)
    line = node.value[number].start_mark.line
    return _without_lines(text, line, line + 1)


def drop_entry(text: str, path: Path) -> str:
    """Removes one entry of a list of mappings, with the comment that stands above it alone."""
    listed = find(text, path[:-1])
    number = path[-1]
    if not isinstance(listed, yaml.SequenceNode) or not isinstance(number, int):
        raise _unchangeable(path)
    if listed.flow_style:
        if len(listed.value) == 1:
            return _replace(text, listed, "[]")
        return _cut_flow(text, [(each.start_mark.index, _end(each)) for each in listed.value], number)
    above = find(text, path[:-2])
    key = _pair(above, str(path[-2]))[0] if above is not None else None
    if key is None:
        raise _unchangeable(path)
    first, end = _with_comments(text, listed, number, key.start_mark.line + 1)
    lines = text.split("\n")
    if len(listed.value) == 1:
        at = key.end_mark.column + 1
        lines[key.start_mark.line] = f"{lines[key.start_mark.line][:at]} []{lines[key.start_mark.line][at:]}"
    return "\n".join([*lines[:first], *lines[end:]])


def _with_comments(text: str, listed: yaml.SequenceNode, number: int, floor: int) -> tuple[int, int]:
    """The lines of an entry, the comments in it, and those above it where they head no other entry."""
    lines = text.split("\n")
    entry = listed.value[number]
    first, end = entry.start_mark.line, _last_line(entry) + 1
    while end < len(lines) and _comment_deeper(lines[end], listed.start_mark.column):
        end += 1
    if number:
        floor = _last_line(listed.value[number - 1]) + 1
    lead = first
    while lead > floor and lines[lead - 1].strip().startswith("#"):
        lead -= 1
    follows = lines[end].strip() if end < len(lines) else ""
    alone = not follows or follows.startswith("#") or number == len(listed.value) - 1
    return (lead if alone else first), end


def add_entry(text: str, path: Path, lines: Sequence[str], behind: int | None = None) -> str:
    """Adds an entry (``key: value`` lines) to a list of mappings: behind the entry of that number, else last."""
    listed = find(text, path)
    if not isinstance(listed, yaml.SequenceNode):
        raise _unchangeable(path)
    if listed.flow_style and listed.value:
        at = _end(listed.value[len(listed.value) - 1 if behind is None else behind])
        return f"{text[:at]}, {{{', '.join(lines)}}}{text[at:]}"
    if not listed.value:
        whole = _replace(text, listed, "").split("\n")
        line = listed.start_mark.line
        whole[line] = whole[line].rstrip() + ("\r" if whole[line].endswith("\r") else "")
        return insert_lines("\n".join(whole), line + 1, _entry(lines, 2))
    entry = listed.value[len(listed.value) - 1 if behind is None else behind]
    at, column = _last_line(entry) + 1, listed.start_mark.column
    whole = text.split("\n")
    while at < len(whole) and _comment_deeper(whole[at], column):
        at += 1
    return insert_lines(text, at, _entry(lines, column))


def insert_lines(text: str, at: int, new: Sequence[str]) -> str:
    """New lines before line ``at`` (from 0), with the text's own line ends."""
    lines = text.split("\n")
    ending = "\r" if lines[0].endswith("\r") else ""
    if at >= len(lines) or (at == len(lines) - 1 and not lines[-1]):  # at the end, which may lack its line feed
        at = len(lines) - (1 if not lines[-1] else 0)
        if at == len(lines):
            lines[-1] += ending
            lines.append("")
    lines[at:at] = [f"{line}{ending}" for line in new]
    return "\n".join(lines)


def source_lines(text: str, path: Path) -> list[tuple[str, str]]:
    """The keys of a mapping with their values as one line of YAML each, comments left out."""
    node = find(text, path)
    if not isinstance(node, yaml.MappingNode):
        raise _unchangeable(path)
    return [(key.value, _one_line(value)) for key, value in node.value]


def _one_line(node: yaml.Node) -> str:
    if isinstance(node, yaml.MappingNode):
        return "{" + ", ".join(f"{_one_line(key)}: {_one_line(value)}" for key, value in node.value) + "}"
    if isinstance(node, yaml.SequenceNode):
        return "[" + ", ".join(map(_one_line, node.value)) + "]"
    plain = isinstance(node, yaml.ScalarNode) and node.style is None and node.tag != "tag:yaml.org,2002:str"
    return str(node.value) if plain else scalar(str(node.value))


def _entry(lines: Sequence[str], column: int) -> list[str]:
    pad = " " * column
    return [f"{pad}{'  ' if number else '- '}{line}" for number, line in enumerate(lines)]


def _pair(node: yaml.Node, key: str) -> tuple[yaml.Node | None, yaml.Node | None]:
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if isinstance(name, yaml.ScalarNode) and name.value == key:
                return name, value
    return None, None


def _add_pair(text: str, parent: yaml.MappingNode, pair: str, after: str) -> str:
    number = next((n for n, (key, _) in enumerate(parent.value) if key.value == after), len(parent.value) - 1)
    if parent.flow_style or not parent.value:
        if not parent.value:
            return _replace(text, parent, f"{{{pair}}}")
        at = _end(parent.value[number][1])
        return f"{text[:at]}, {pair}{text[at:]}"
    line = _last_line(parent.value[number][1]) + 1
    return insert_lines(text, line, [f"{' ' * parent.start_mark.column}{pair}"])


def _replace(text: str, node: yaml.Node, value: str) -> str:
    return text[: node.start_mark.index] + value + text[_end(node) :]


def _cut_flow(text: str, spans: Sequence[tuple[int, int]], number: int) -> str:
    """One part of a flow list or mapping goes, with the comma before it, or behind the first."""
    start, end = spans[number]
    if number:
        return text[: spans[number - 1][1]] + text[end:]
    return text[:start] + text[spans[1][0] if len(spans) > 1 else end :]


def _comment_deeper(line: str, column: int) -> bool:
    return line.strip().startswith("#") and len(line) - len(line.lstrip()) > column


def _without_lines(text: str, first: int, end: int) -> str:
    lines = text.split("\n")
    return "\n".join([*lines[:first], *lines[end:]])


def _line_start(text: str, index: int) -> int:
    return text.rfind("\n", 0, index) + 1


def _end(node: yaml.Node) -> int:
    """Behind a node's last character; a block node's own mark lies behind the comments that follow it."""
    if not isinstance(node, yaml.CollectionNode) or node.flow_style:
        return int(node.end_mark.index)
    parts = [part for each in node.value for part in (each if isinstance(each, tuple) else (each,))]
    return max((_end(part) for part in parts), default=int(node.end_mark.index))


def _last_line(node: yaml.Node) -> int:
    """The last line with content, from 0."""
    if not isinstance(node, yaml.CollectionNode):
        end = node.end_mark
        return int(end.line) - (0 if end.column or end.line == node.start_mark.line else 1)
    if node.flow_style:
        return int(node.end_mark.line)
    parts = [part for each in node.value for part in (each if isinstance(each, tuple) else (each,))]
    return max((_last_line(part) for part in parts), default=int(node.start_mark.line))


def _unchangeable(path: Path) -> E2EShardError:
    where = ".".join(map(str, path))
    return E2EShardError(f"{where} cannot be changed line by line", "write it without anchors, one entry a line")

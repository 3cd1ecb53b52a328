"""YAML text turned into PyYAML's positioned node tree, or into one finding that says where the text breaks."""

from __future__ import annotations

import os
from pathlib import Path

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from schemas.errors import Location
from suites.findings import Findings

# The C parser is ten times as fast; a PyYAML built without libyaml still works.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def shown(path: Path) -> str:
    """A path as messages show it: relative to the working directory where it lies inside, with slashes."""
    absolute = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow links out of the checkout
    try:
        return absolute.relative_to(Path.cwd()).as_posix()
    except ValueError:
        return path.as_posix()


def place(node: Node, file: str) -> Location:
    """Where a node begins, counted from 1."""
    mark = node.start_mark
    return Location(file, mark.line + 1, mark.column + 1)


def read_bytes(path: Path, findings: Findings) -> bytes | None:
    """The file's bytes; unreadable files become a finding."""
    try:
        return path.read_bytes()
    except OSError as error:
        findings.add(Location(shown(path)), f"cannot be read: {error.strerror}", "check the file's place and rights")
        return None


def parse(data: bytes, file: str, findings: Findings) -> Node | None:
    """The root node of one YAML document, or None with a finding for bad text or an empty file."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        head = data[: error.start].decode("utf-8-sig", errors="replace")
        line = head.count("\n") + 1
        where = Location(file, line, len(head) - (head.rfind("\n") + 1) + 1)
        findings.add(where, f"byte 0x{data[error.start]:02x} is not UTF-8", "save the file as UTF-8")
        return None
    try:
        root = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        _add_marked(error, text, file, findings)
        return None
    except yaml.reader.ReaderError as error:
        _add_unprintable(error, text, file, findings)
        return None
    if root is None:
        findings.add(Location(file, 1, 1), "the file is empty", "see docs/suites.md for what belongs here")
    return root


def _add_marked(error: yaml.MarkedYAMLError, text: str, file: str, findings: Findings) -> None:
    mark = error.problem_mark or error.context_mark
    where = Location(file, mark.line + 1, mark.column + 1) if mark else Location(file, 1, 1)
    lines = text.splitlines()
    line = lines[where.line - 1] if 0 < where.line <= len(lines) else ""
    problem = " ".join(part for part in (error.problem, error.context) if part) or "cannot be parsed"
    if "\t" in line[: len(line) - len(line.lstrip())] or "\\t" in problem:
        findings.add(where, "a tab stands where YAML allows only spaces", "indent with spaces")
        return
    remedy = "mend the syntax at this place or just above it; text with ': ', ' #', '*', '&', '@' or '%' needs quotes"
    if isinstance(error, yaml.composer.ComposerError) and "single document" in problem:
        remedy = "remove the '---' line: one file is one document"
    findings.add(where, f"not valid YAML: {problem}", remedy)


def _add_unprintable(error: yaml.reader.ReaderError, text: str, file: str, findings: Findings) -> None:
    code = error.character if isinstance(error.character, int) else ord(str(error.character)[:1] or "\0")
    index = text.find(chr(code))
    index = max(index, 0)
    line = text.count("\n", 0, index) + 1
    where = Location(file, line, index - (text.rfind("\n", 0, index) + 1) + 1)
    findings.add(where, f"character U+{code:04X} is not allowed in YAML", "remove it")


def kind_of(node: Node) -> str:
    """What a reader of the file would call the node: text, a number, a boolean, a list, a mapping."""
    if isinstance(node, MappingNode):
        return "a mapping"
    if isinstance(node, SequenceNode):
        return "a list"
    names = {"int": "a number", "float": "a number", "bool": "a boolean", "null": "nothing", "timestamp": "a date"}
    return names.get(short_tag(node), "text")


def short_tag(node: Node) -> str:
    """`str`, `int`, `float`, `bool`, `null`, `timestamp`, … or the whole tag where it is not YAML's own."""
    return str(node.tag).removeprefix("tag:yaml.org,2002:")


__all__ = [
    "MappingNode",
    "Node",
    "ScalarNode",
    "SequenceNode",
    "kind_of",
    "parse",
    "place",
    "read_bytes",
    "short_tag",
    "shown",
]

"""JSON text turned into the node tree that YAML text becomes, each node with its place; comments are allowed.

Configuration files of the suites that are read here are JSON5 to their own tools: `//` and `/* */` comments and a comma
after the last value are accepted. Members that are null count as not written.
"""

from __future__ import annotations

import re

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from schemas.errors import Location
from suites.findings import Findings

#: White space and comments.
SPACE = re.compile(r"(?:[ \t\r\n\ufeff]+|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"')
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?P<rest>\.\d+)?(?P<exponent>[eE][-+]?\d+)?")
_WORD = re.compile(r"[A-Za-z_]+")
_WORDS = {"true": "bool", "false": "bool", "null": "null"}
_DEEPEST = 100


class _Broken(Exception):  # noqa: N818 - a finding on its way
    def __init__(self, index: int, message: str, remedy: str) -> None:
        super().__init__(message)
        self.index = index
        self.remedy = remedy


def parse_json(data: bytes, file: str, findings: Findings) -> Node | None:
    """The root node of a JSON text, or None with a finding that says where it breaks."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, column = _line(data[: error.start].decode("utf-8-sig", errors="replace"))
        message = f"byte 0x{data[error.start]:02x} is not UTF-8"
        findings.add(Location(file, line, column), message, "save the file as UTF-8")
        return None
    scanner = _Scanner(text)
    try:
        return scanner.document()
    except _Broken as broken:
        line, column = _line(text[: broken.index])
        findings.add(Location(file, line, column), f"not valid JSON: {broken}", broken.remedy)
        return None


def _line(before: str) -> tuple[int, int]:
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


class _Scanner:
    """One text, read from the front."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._index = 0
        self._line = 0  # of `_begun`, which only grows: counting starts where it stopped
        self._begun = 0

    def document(self) -> Node:
        root = self._value(0)
        self._skip()
        if self._index < len(self._text):
            raise self._broken("something follows the end", "one file holds one value")
        return root

    def _value(self, depth: int) -> Node:
        self._skip()
        if depth > _DEEPEST:
            raise self._broken("values lie too deep in each other", "a definition has a few levels only")
        match self._text[self._index : self._index + 1]:
            case "{":
                return self._mapping(depth)
            case "[":
                return self._sequence(depth)
            case '"':
                return self._string()
            case "":
                raise self._broken("the text ends where a value is meant", "complete it")
            case _:
                return self._bare()

    def _mapping(self, depth: int) -> MappingNode:
        begin, pairs = self._mark(), []
        self._index += 1
        while not self._closes("}"):
            if self._text[self._index : self._index + 1] != '"':
                raise self._broken("a name in double quotes is meant", 'write "name": value')
            key = self._string()
            self._skip()
            if self._text[self._index : self._index + 1] != ":":
                raise self._broken(f"a colon is meant after {key.value!r}", 'write "name": value')
            self._index += 1
            value = self._value(depth + 1)
            if value.tag != _tag("null"):
                pairs.append((key, value))
            self._separated("}")
        return MappingNode(_tag("map"), pairs, begin, self._mark(), flow_style=True)

    def _sequence(self, depth: int) -> SequenceNode:
        begin, items = self._mark(), []
        self._index += 1
        while not self._closes("]"):
            items.append(self._value(depth + 1))
            self._separated("]")
        return SequenceNode(_tag("seq"), items, begin, self._mark(), flow_style=True)

    def _closes(self, bracket: str) -> bool:
        self._skip()
        if self._text[self._index : self._index + 1] != bracket:
            return False
        self._index += 1
        return True

    def _separated(self, bracket: str) -> None:
        self._skip()
        following = self._text[self._index : self._index + 1]
        if following == ",":
            self._index += 1
        elif following != bracket:
            what = "the text ends" if not following else f"{following!r} is here"
            raise self._broken(f"a comma or {bracket} is meant, {what}", "mend the place just before this one")

    def _string(self) -> ScalarNode:
        found = _STRING.match(self._text, self._index)
        if found is None:
            raise self._broken("the text in double quotes does not end well", r"close it on its line, write \\ for \ ")
        begin = self._mark()
        self._index = found.end()
        return ScalarNode(_tag("str"), _unescaped(found[0]), begin, self._mark(), style='"')

    def _bare(self) -> ScalarNode:
        number, word = _NUMBER.match(self._text, self._index), _WORD.match(self._text, self._index)
        begin = self._mark()
        if number is not None:
            self._index = number.end()
            kind = "float" if number["rest"] or number["exponent"] else "int"
            return ScalarNode(_tag(kind), number[0], begin, self._mark())
        kind = _WORDS.get(word[0], "") if word else ""
        if word is None or not kind:
            said = word[0] if word else self._text[self._index]
            raise self._broken(f"{said!r} is no value", "text stands in double quotes")
        self._index = word.end()
        return ScalarNode(_tag(kind), word[0], begin, self._mark())

    def _skip(self) -> None:
        found = SPACE.match(self._text, self._index)
        self._index = found.end() if found else self._index

    def _mark(self) -> yaml.Mark:
        self._line += self._text.count("\n", self._begun, self._index)
        self._begun = self._index
        column = self._index - (self._text.rfind("\n", 0, self._index) + 1)
        return yaml.Mark("", self._index, self._line, column, None, 0)

    def _broken(self, message: str, remedy: str) -> _Broken:
        return _Broken(self._index, message, remedy)


def _tag(name: str) -> str:
    return f"tag:yaml.org,2002:{name}"


def _unescaped(quoted: str) -> str:
    import json  # noqa: PLC0415 - only texts with a backslash would need it

    return str(json.loads(quoted)) if "\\" in quoted else quoted[1:-1]

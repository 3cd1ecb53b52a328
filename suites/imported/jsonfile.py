"""A JSON file turned into a table of its fields after a table of keys, or into findings with file, line and column."""

from __future__ import annotations

from pathlib import Path

from suites.fields import Keys, Table
from suites.findings import Findings
from suites.imported.jsontext import parse_json
from suites.nodes import MappingNode, Node, ScalarNode, SequenceNode, read_bytes, shown
from suites.read import Reader


class JsonFile:
    """One file, read once; `shown` is its name in findings."""

    def __init__(self, path: Path, findings: Findings) -> None:
        self.path = path
        self.shown = shown(path)
        self._findings = findings
        data = read_bytes(path, findings)
        self._root: Node | None = None if data is None else parse_json(data, self.shown, findings)

    def text(self, name: str) -> str | None:
        """A text member at the top, where it is one; says nothing of what is wrong."""
        value = self._member(name)
        return str(value.value) if isinstance(value, ScalarNode) else None

    def texts(self, name: str) -> tuple[str, ...]:
        """Likewise of a text or a list of texts."""
        value = self._member(name)
        items = value.value if isinstance(value, SequenceNode) else [value]
        return tuple(str(item.value) for item in items if isinstance(item, ScalarNode))

    def has(self, name: str) -> bool:
        """Whether there is such a member at the top."""
        return self._member(name) is not None

    def _member(self, name: str) -> Node | None:
        pairs = self._root.value if isinstance(self._root, MappingNode) else ()
        return next((value for key, value in pairs if key.value == name), None)

    def table(self, keys: Keys, what: str) -> Table | None:
        """Every field; None where the file is not even JSON, or has something wrong: the findings tell."""
        if self._root is None:
            return None
        own = Findings()
        table = Reader(self.shown, own).table(self._root, keys, what)
        for finding in own.all():  # the reader is the one for YAML
            self._findings.add(finding.location, _of_json(finding.message), _of_json(finding.remedy))
        return None if own else table


def _of_json(text: str) -> str:
    return text.replace("YAML", "JSON")

"""A YAML node tree turned into typed tables after a table of keys, with a finding for everything that does not fit."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from schemas.errors import Location
from suites.fields import Entry, Field, Keys, Kind, Table
from suites.findings import Findings, close_names, did_you_mean
from suites.nodes import MappingNode, Node, ScalarNode, SequenceNode, kind_of, place, short_tag
from suites.scalars import read_scalar

_FEW_KEYS = 12
_LISTS = (Kind.TEXTS, Kind.TEXT_OR_TEXTS, Kind.INTEGERS)


class Reader:
    """Reads the nodes of one file; `file` is the name that findings show."""

    def __init__(self, file: str, findings: Findings) -> None:
        self.file = file
        self.findings = findings

    def table(self, node: Node, keys: Keys, what: str) -> Table:
        """A mapping with fixed keys; whatever is wrong becomes findings and is left out."""
        if not isinstance(node, MappingNode):
            message = f"{what}: a mapping of keys is meant, {kind_of(node)} is here"
            self.findings.add(self.at(node), message, f"write `key: value` lines with {_some(keys)}")
            return Table(odd=(what,))
        read: dict[str, Entry] = {}
        odd: set[str] = set()
        for name, key_at, value in self._pairs(node, what):
            field = keys.get(name)
            if field is None:
                odd.add(name)
                self.findings.add(key_at, f"{what}: unknown key {name!r}", did_you_mean(name, keys, _listed(keys)))
                continue
            made = self.value(value, field, name)
            if made is None:
                odd.add(name)
            else:
                read[name] = Entry(made, key_at, self.at(value))
        self._require(node, keys, what, {*read, *odd})
        return Table(read, odd=odd)

    def _require(self, node: MappingNode, keys: Keys, what: str, present: set[str]) -> None:
        meant = {close for name in present - keys.keys() for close in close_names(name, keys)}
        for name, field in keys.items():
            if field.required and name not in present | meant:
                self.findings.add(self.at(node), f"{what}: the key {name!r} is missing", f"add `{name}:` - {field.doc}")

    def value(self, node: Node, field: Field, key: str) -> Any:
        """A value of any kind, or None after adding findings."""
        if field.kind in _LISTS:
            return self._texts(node, field, key)
        if field.kind is Kind.MAPPING:
            return self.table(node, field.keys or {}, key)
        if field.kind is Kind.NAMED:
            return self._named(node, field, key)
        if field.kind is Kind.ENTRIES:
            return self._entries(node, field, key)
        return read_scalar(node, field, key, self.at(node), self.findings)

    def at(self, node: Node) -> Location:
        """Where a node stands."""
        return place(node, self.file)

    def _pairs(self, node: MappingNode, what: str) -> list[tuple[str, Location, Node]]:
        """The mapping's keys in order; odd keys and repeated ones become findings."""
        pairs: list[tuple[str, Location, Node]] = []
        first: dict[str, Location] = {}
        for key, value in node.value:
            at = self.at(key)
            if not isinstance(key, ScalarNode):
                self.findings.add(at, f"{what}: a key must be a word, {kind_of(key)} is here", "write `word: value`")
                continue
            name = key.value
            if short_tag(key) == "merge":
                self.findings.add(at, f"{what}: YAML merge keys are not supported", "use `groups:` to share settings")
            elif name in first:
                message = f"{what}: the key {name!r} is given twice (first on line {first[name].line})"
                self.findings.add(at, message, "keep one: YAML would silently take the last")
            else:
                first[name] = at
                pairs.append((name, at, value))
        return pairs

    def _texts(self, node: Node, field: Field, key: str) -> tuple[Entry, ...] | None:
        whole = field.kind is Kind.INTEGERS
        scalar = msgspec.structs.replace(field, kind=Kind.INTEGER if whole else Kind.TEXT)
        if isinstance(node, ScalarNode) and field.kind is Kind.TEXT_OR_TEXTS:
            text = read_scalar(node, scalar, key, self.at(node), self.findings)
            return None if text is None else (Entry(text, self.at(node), self.at(node)),)
        if not isinstance(node, SequenceNode):
            remedy = f"write a list: [{', '.join(field.example or ['…'])}]"
            self.findings.add(self.at(node), f"{key}: a list is meant, {kind_of(node)} is here", remedy)
            return None
        if not node.value and not field.empty:
            self.findings.add(self.at(node), f"{key}: the list is empty", "give at least one value, or remove the key")
            return None
        items = [
            Entry(value, self.at(item), self.at(item))
            for item in node.value
            if (value := read_scalar(item, scalar, key, self.at(item), self.findings)) is not None
        ]
        return tuple(items) if field.repeated else self._once(items, key)

    def _once(self, items: list[Entry], key: str) -> tuple[Entry, ...]:
        kept: dict[str, Entry] = {}
        for item in items:
            if item.value in kept:
                message = f"{key}: {item.value!r} is given twice (first on line {kept[item.value].at.line})"
                self.findings.add(item.at, message, "keep one")
            kept.setdefault(item.value, item)
        return tuple(kept.values())

    def _named(self, node: Node, field: Field, key: str) -> Table | None:
        item = field.item
        if not isinstance(node, MappingNode) or item is None:
            message = f"{key}: a mapping of names is meant, {kind_of(node)} is here"
            self.findings.add(
                self.at(node), message, "write `name: value` lines" + (", or {} for none" if field.empty else "")
            )
            return None
        table = Table()
        for name, key_at, value in self._pairs(node, key):
            if field.choices and name not in field.choices:
                self.findings.add(key_at, f"{key}: unknown name {name!r}", did_you_mean(name, field.choices))
            elif field.pattern and not re.search(field.pattern, name):
                self.findings.add(key_at, f"{key}: {name!r} is not {field.says}", field.hint or f"write {field.says}")
            read = self.value(value, item, f"{key}.{name}")
            if read is not None:
                table[name] = Entry(read, key_at, self.at(value))
        return table

    def _entries(self, node: Node, field: Field, key: str) -> tuple[Entry, ...] | None:
        if not isinstance(node, SequenceNode):
            message = f"{key}: a list of entries is meant, {kind_of(node)} is here"
            self.findings.add(
                self.at(node), message, f"start each entry with a dash: `- {next(iter(field.keys or {}))}: …`"
            )
            return None
        if not node.value and not field.empty:
            self.findings.add(self.at(node), f"{key}: the list is empty", "add an entry")
        single = key.removesuffix("s") if key != "models" else "model"
        tables = [(self.table(item, field.keys or {}, single), self.at(item)) for item in node.value]
        return tuple(Entry(table, at, at) for table, at in tables)


def _listed(keys: Keys) -> str:
    few = len(keys) <= _FEW_KEYS
    return f"use one of: {', '.join(keys)}" if few else "docs/suites.md and docs/targets.md list the keys there are"


def _some(keys: Keys) -> str:
    required = [name for name, field in keys.items() if field.required]
    return ", ".join((required or list(keys))[:4])

"""`excused:` entries turned into the models that may be in no list, each with its reason."""

from __future__ import annotations

from pathlib import Path

import msgspec

from schemas.errors import Location
from suites.fields import Entry
from suites.findings import Findings
from suites.keys import EXCUSED_FILE
from suites.nodes import parse, read_bytes, shown
from suites.read import Reader


class Excuse(msgspec.Struct, frozen=True):
    """Models (a name or glob) that no list has, on purpose."""

    pattern: str
    at: Location

    @staticmethod
    def of(entry: Entry) -> Excuse:
        """From an entry of an `excused:` list that has a name."""
        name: Entry = entry.value["name"]
        return Excuse(name.value, name.at)


def read_excuses(path: Path, findings: Findings) -> list[Excuse]:
    """All excuses of `excused.yaml`."""
    data = read_bytes(path, findings)
    root = None if data is None else parse(data, shown(path), findings)
    if root is None:
        return []
    table = Reader(shown(path), findings).table(root, EXCUSED_FILE, path.name)
    entries: tuple[Entry, ...] = table["excused"].value if "excused" in table else ()
    return [Excuse.of(entry) for entry in entries if "name" in entry.value]

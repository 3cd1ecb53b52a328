"""The vocabulary in which the keys of our YAML files are declared: once, for the loader and for the JSON Schemas."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

import msgspec

from schemas.errors import Location


class Kind(StrEnum):
    """What a key's value looks like in YAML; in parentheses what the loader makes of it."""

    TEXT = "text"  # (str)
    TEXTS = "texts"  # a list of texts (tuple of Entry[str])
    TEXT_OR_TEXTS = "text-or-texts"  # one text or a list (tuple of Entry[str])
    INTEGERS = "integers"  # a list of whole numbers (tuple of Entry[int])
    FLAG = "flag"  # true | false (bool)
    NUMBER = "number"  # (float)
    INTEGER = "integer"  # (int)
    DURATION = "duration"  # 90s, 10m, 1.5h (float, seconds)
    SIZE = "size"  # 512MiB, 8GiB (int, bytes)
    DATE = "date"  # 2027-01-31 (str)
    MAPPING = "mapping"  # fixed keys (dict of Entry)
    NAMED = "named"  # free names, each with a value of `item` (dict of Entry)
    ENTRIES = "entries"  # a list of mappings with fixed keys (tuple of Entry[dict of Entry])


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One key: its kind, its limits, and the sentence that documents it."""

    kind: Kind
    doc: str
    example: Any = None
    required: bool = False
    choices: tuple[str, ...] = ()  # legal texts, or legal names of NAMED
    pattern: str = ""  # regular expression the whole text (or name of NAMED) must match
    says: str = ""  # the pattern in words
    hint: str = ""  # remedy offered when the value has the wrong type
    minimum: float | None = None
    maximum: float | None = None
    empty: bool = False  # whether an empty text or list makes sense
    repeated: bool = False  # whether a list may hold the same value twice
    keys: Mapping[str, Field] | None = None  # MAPPING, ENTRIES
    item: Field | None = None  # NAMED


Keys = Mapping[str, Field]


class Entry(msgspec.Struct, frozen=True):
    """A value that was read: where its key stands and where the value stands."""

    value: Any
    key: Location
    at: Location


class Table(dict[str, Entry]):
    """A mapping that was read. `odd` holds keys of the file that could not be used: unknown, or with a bad value."""

    def __init__(self, *args: Any, odd: Iterable[str] = ()) -> None:
        super().__init__(*args)
        self.odd = frozenset(odd)

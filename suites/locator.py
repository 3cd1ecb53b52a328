"""`path.py:Class[variant]`, the name of a model in a Python file, turned into its parts and back."""

from __future__ import annotations

import re

import msgspec

_LOCATOR = re.compile(r"^(?P<path>.+\.py)(?::(?P<tester>\w+)(?:\[(?P<variant>[A-Za-z0-9_.+-]+)\])?)?$")


class PythonLocator(msgspec.Struct, frozen=True):
    """A tester class in a file; without a variant the class has none, or all of them are meant."""

    path: str
    tester: str = ""
    variant: str = ""

    def __str__(self) -> str:
        return f"{self.path}:{self.tester}" + (f"[{self.variant}]" if self.variant else "")


def parse_locator(text: str) -> PythonLocator | None:
    """The parts; None for a text of another form."""
    match = _LOCATOR.match(text)
    if match is None:
        return None
    return PythonLocator(match["path"], match["tester"] or "", match["variant"] or "")

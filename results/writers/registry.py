"""Every report format by the name of its file. A new one is a module with ``write`` and one line here."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from results.view import View
from results.writers import json_file, junit, markdown, ops_models, xlsx


class Writer(Protocol):
    """A module that writes one format."""

    def write(self, view: View, path: Path) -> None:
        """Writes ``view`` to ``path``; raises ``OSError`` only."""


WRITERS: dict[str, Writer] = {
    "results.json": json_file,
    "summary.md": markdown,
    "junit.xml": junit,
    "report.xlsx": xlsx,
}
#: What only a report with cases that go op by op has; ``ops/<model>.json`` besides.
OP_WRITERS: dict[str, Writer] = {"models.md": ops_models}

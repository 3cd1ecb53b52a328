"""A report as results.json: an indented head, then one record a line, good for grep, diff and streaming."""

from __future__ import annotations

from pathlib import Path

from results.view import View
from schemas.codec import encode, encode_pretty


def write(view: View, path: Path) -> None:
    """Streams the records; memory does not grow with their number."""
    head = encode_pretty(view.head).rstrip()
    with path.open("wb") as file:
        file.write(head.removesuffix(b"}").rstrip())
        file.write(b',\n  "records": [')
        separator = b"\n"
        for record in view.records:
            file.write(separator)
            file.write(encode(record))
            separator = b",\n"
        file.write(b"\n]}\n")

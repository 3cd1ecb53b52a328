"""Writes a report in every format, each file whole or not at all."""

from __future__ import annotations

from pathlib import Path

from results.view import View


def write_all(view: View, folder: Path) -> tuple[Path, ...]:
    """The files written. Each is made beside its final name and moved there, so that a kill leaves no half file."""
    from results.writers.registry import WRITERS  # noqa: PLC0415  (openpyxl takes 0.2 s to import)

    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for name, writer in WRITERS.items():
        final = folder / name
        draft = folder / f".{name}.part"
        try:
            writer.write(view, draft)
            draft.replace(final)
        finally:
            draft.unlink(missing_ok=True)
        written.append(final)
    return tuple(written)

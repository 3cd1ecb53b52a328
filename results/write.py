"""Writes a report in every format, each file whole or not at all."""

from __future__ import annotations

from pathlib import Path

from results.journal import OPS
from results.view import View


def write_all(view: View, folder: Path) -> tuple[Path, ...]:
    """The files written. Each is made beside its final name and moved there, so that a kill leaves no half file."""
    from results.writers.ops_json import write_folder  # noqa: PLC0415  (openpyxl takes 0.2 s to import)
    from results.writers.registry import OP_WRITERS, WRITERS  # noqa: PLC0415

    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    writers = {**WRITERS, **(OP_WRITERS if view.ops is not None else {})}
    for name, writer in writers.items():
        final = folder / name
        draft = folder / f".{name}.part"
        try:
            writer.write(view, draft)
            draft.replace(final)
        finally:
            draft.unlink(missing_ok=True)
        written.append(final)
    for name in OP_WRITERS if view.ops is None else ():
        (folder / name).unlink(missing_ok=True)  # of an earlier report
    write_folder(view, folder / OPS)
    return tuple(written)

"""Writes a report in every format, each file whole or not at all."""

from __future__ import annotations

import contextlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from results.beside import beside
from results.journal import OPS
from results.view import View

if TYPE_CHECKING:
    from results.writers.registry import Writer

#: The file that takes longer than all others together.
_LONGEST = "report.xlsx"


def write_all(view: View, folder: Path, *, at_once: bool = False) -> tuple[Path, ...]:
    """The files written. Each is made beside its final name and moved there, so that a kill leaves no half file.

    ``at_once``: the workbook by a process of its own, which takes as much memory again. Not with operations: their
    database is ours alone.
    """
    from results.writers.ops_json import write_folder  # noqa: PLC0415  (openpyxl takes 0.2 s to import)
    from results.writers.registry import OP_WRITERS, WRITERS  # noqa: PLC0415

    folder.mkdir(parents=True, exist_ok=True)
    writers = {**WRITERS, **(OP_WRITERS if view.ops is not None else {})}
    making = {name: partial(_write, writer, view, folder / name) for name, writer in writers.items()}
    with beside(making.pop(_LONGEST)) if at_once and view.ops is None else contextlib.nullcontext():
        for make in making.values():
            make()
    for name in OP_WRITERS if view.ops is None else ():
        (folder / name).unlink(missing_ok=True)  # of an earlier report
    write_folder(view, folder / OPS)
    return tuple(folder / name for name in writers)


def _write(writer: Writer, view: View, final: Path) -> None:
    draft = final.with_name(f".{final.name}.part")
    draft.unlink(missing_ok=True)  # somebody who was not ended may still be writing there
    try:
        writer.write(view, draft)
        draft.replace(final)
    finally:
        draft.unlink(missing_ok=True)

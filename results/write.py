"""Writes a report in every format, each file whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from results.beside import at_once
from results.journal import OPS
from results.view import View

if TYPE_CHECKING:
    from results.writers.registry import Writer

#: The file that takes longer than all others together.
_LONGEST = "report.xlsx"


def write_all(view: View, folder: Path, *, by_two: bool = False) -> tuple[Path, ...]:
    """The files written. Each is made beside its final name and moved there, so that a kill leaves no half file.

    ``by_two``: the workbook by a process of its own, which takes as much memory again. Not with operations: their
    database is ours alone.
    """
    from results.writers.ops_json import write_folder  # noqa: PLC0415  (openpyxl takes 0.2 s to import)
    from results.writers.registry import OP_WRITERS, WRITERS  # noqa: PLC0415

    folder.mkdir(parents=True, exist_ok=True)
    writers = {**WRITERS, **(OP_WRITERS if view.ops is not None else {})}
    if by_two and view.ops is None:
        others = [name for name in writers if name != _LONGEST]
        try:
            at_once(partial(_write, writers, others, view, folder), partial(_write, writers, [_LONGEST], view, folder))
        finally:
            _draft(folder, _LONGEST).unlink(missing_ok=True)  # of a process that was ended
    else:
        _write(writers, writers, view, folder)
    for name in OP_WRITERS if view.ops is None else ():
        (folder / name).unlink(missing_ok=True)  # of an earlier report
    write_folder(view, folder / OPS)
    return tuple(folder / name for name in writers)


def _write(writers: Mapping[str, Writer], names: Iterable[str], view: View, folder: Path) -> None:
    for name in names:
        draft = _draft(folder, name)
        try:
            writers[name].write(view, draft)
            draft.replace(folder / name)
        finally:
            draft.unlink(missing_ok=True)


def _draft(folder: Path, name: str) -> Path:
    return folder / f".{name}.part"

"""A store's folders become the things in it that can be removed one by one, with their sizes and last uses."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterator
from dataclasses import dataclass

MODULES = "modules"
PARAMETERS = "parameters"
JOINED = "joined"
#: The ending of what is known of an archive; its modification time says when the archive was used last.
RECEIPT = ".json"
#: Where files are written under a name ``.*.tmp`` before they get their own.
SCRATCH_FOLDERS = (MODULES, PARAMETERS, JOINED)


@dataclass(frozen=True)
class Item:
    """One thing: its files, the bytes on disk, when it was used last (seconds since 1970), and its maker's lock."""

    files: tuple[pathlib.Path, ...]
    size: int
    used: float
    lock: str = ""


def items(root: pathlib.Path) -> Iterator[Item]:
    """All of them, in no order."""
    yield from _modules(root / MODULES)
    yield from _archives(root / PARAMETERS)
    yield from _joined(root / JOINED)


def _modules(folder: pathlib.Path) -> Iterator[Item]:
    for path, state in _files(folder):
        if path.suffix == ".entry":
            yield Item((path,), state.st_blocks * 512, state.st_mtime)


def _joined(folder: pathlib.Path) -> Iterator[Item]:
    """Modules, and what points into them: an entry whose module is gone is none."""
    for path, state in _files(folder):
        if not path.name.startswith("."):
            yield Item((path,), state.st_blocks * 512, state.st_mtime)


def _archives(folder: pathlib.Path) -> Iterator[Item]:
    for path, state in _files(folder):
        if path.suffix == ".irpa":
            receipt = path.with_suffix(RECEIPT)
            used = max(state.st_mtime, _modified(receipt))
            name = f"{path.parent.name}{path.stem}"
            yield Item((receipt, path), state.st_blocks * 512, used, lock=f"parameters-{name[:3]}")


def _modified(path: pathlib.Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _files(folder: pathlib.Path) -> Iterator[tuple[pathlib.Path, os.stat_result]]:
    """Regular files below a folder; one that vanishes meanwhile is left out."""
    for where, _, names in os.walk(folder):
        for name in names:
            path = pathlib.Path(where, name)
            try:
                state = path.stat(follow_symlinks=False)
            except OSError:
                continue
            yield path, state

"""A store's folders become the things in it that can be removed one by one, with their sizes and last uses."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

MODULES = "modules"
PARAMETERS = "parameters"
JOINED = "joined"
DRIVERS = "drivers"
#: The ending of what is known of an archive; its modification time says when the archive was used last.
RECEIPT = ".json"
_FILES, _ADDRESSES, _ASIDE = "files", "url", ".e2eshard"  # what `get_file` keeps, where LOCAL_LF_CACHE points here
_HUB = "huggingface"  # of HF_HOME
#: Where files are written under a name ``.*.tmp`` before they get their own.
SCRATCH_FOLDERS = (MODULES, PARAMETERS, JOINED, DRIVERS)


@dataclass(frozen=True)
class Item:
    """One thing: its files or folders, the bytes on disk, when it was used last (seconds since 1970), its maker's lock.

    What is ``fixed`` counts, but is never removed.
    """

    paths: tuple[pathlib.Path, ...]
    size: int
    used: float
    lock: str = ""
    fixed: bool = False


def items(root: pathlib.Path) -> Iterator[Item]:
    """All of them, in no order."""
    yield from _modules(root / MODULES)
    yield from _archives(root / PARAMETERS)
    yield from _joined(root / JOINED)
    yield from _downloads(root)
    for folder in _below(root / DRIVERS):
        item = _folder(folder)  # each driver's own affair inside
        yield replace(item, used=max(item.used, _modified(folder)))
    for folder in (root / _FILES, root / _HUB):
        yield _folder(folder, fixed=True)


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


def _downloads(root: pathlib.Path) -> Iterator[Item]:
    """What came from one address, with what is kept about it."""
    for folder in _below(root / "downloads"):
        yield _folder(folder, lock=f"download-{folder.name}")
    for folder in _below(root / _FILES / _ADDRESSES):
        yield _folder(folder, root / _FILES / _ASIDE / _ADDRESSES / folder.name)


def _folder(*folders: pathlib.Path, lock: str = "", fixed: bool = False) -> Item:
    """Used when its newest file was: that of a download's receipt changes with every use."""
    found = [state for each in folders for path, state in _files(each) if not (fixed and _ADDRESSES in path.parts)]
    used = max((state.st_mtime for state in found), default=0.0)
    return Item(folders, sum(state.st_blocks * 512 for state in found), used, lock, fixed)


def _below(folder: pathlib.Path) -> list[pathlib.Path]:
    try:
        return [each for each in folder.iterdir() if each.is_dir()]
    except OSError:
        return []


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

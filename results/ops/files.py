"""The files of a shard's folder become the journals of its cases' operations. Pure, but for one walk over a folder."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from results.journal import JOURNAL, OPS

_SUFFIX = ".jsonl"
#: What is wrong with a journal outside of a shard's folder.
ORPHAN = "operations of no shard: there are no records beside their folder, so nobody knows which run they are of"


def may_be_journal(member: PurePosixPath) -> bool:
    """Whether a path may be a journal of operations: ``…/ops/<case key>.jsonl``."""
    return member.suffix == _SUFFIX and member.name != JOURNAL and OPS in member.parts[:-1]


def assign(members: Iterable[PurePosixPath], folders: set[str]) -> dict[str, list[PurePosixPath]]:
    """The journals by the shard's folder that they belong to; ``""`` has those that belong to none.

    A model may itself have a part named ``ops``: the outermost folder decides. What lies in a bundle, in the folder
    beside a journal, is none.
    """
    known = set(members)
    found: dict[str, list[PurePosixPath]] = {}
    for member in sorted(known):
        if any(parent.with_name(f"{parent.name}{_SUFFIX}") in known for parent in member.parents if parent.name):
            continue
        places = (index for index, part in enumerate(member.parts[:-1]) if part == OPS)
        homes = (str(PurePosixPath(*member.parts[:index])) for index in places)
        found.setdefault(next((home for home in homes if home in folders), ""), []).append(member)
    return found


def journals_below(folder: Path) -> tuple[tuple[tuple[str, Path], ...], tuple[Path, ...]]:
    """A shard folder's journals by their path below it, and the symbolic links there, which are not followed."""
    found: list[tuple[str, Path]] = []
    links: list[Path] = []
    top = folder / OPS
    if top.is_symlink():
        return (), (top,)
    for name, folders, files in os.walk(top):
        here = Path(name)
        folders[:] = sorted(each for each in folders if f"{each}{_SUFFIX}" not in files)
        links += [here / each for each in folders if (here / each).is_symlink()]
        for file in sorted(files):
            path = here / file
            if may_be_journal(PurePosixPath(path.relative_to(folder).as_posix())):
                if path.is_symlink():
                    links.append(path)
                else:
                    found.append((path.relative_to(folder).as_posix(), path))
    return tuple(found), tuple(links)

"""Finds the shard folders in what the user handed over: folder trees, artifact zips, or both."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

import msgspec

from results.archive import unpack
from results.builds import BuildSource
from results.journal import JOURNAL, OPS, RESULTS, Source
from results.ops.files import ORPHAN, journals_below, may_be_journal
from schemas.partial import PARTIALS
from schemas.report import Problem, ProblemKind


class Gathered(msgspec.Struct, frozen=True, kw_only=True):
    """Every shard folder found, and the inputs that could not be used."""

    sources: tuple[Source, ...]
    builds: tuple[BuildSource, ...]
    problems: tuple[Problem, ...]


def gather(inputs: Iterable[Path], spool: Path) -> Gathered:
    """All shard folders below ``inputs``; zips are unpacked below ``spool``. Links are never followed."""
    sources: list[Source] = []
    builds: list[BuildSource] = []
    problems: list[Problem] = []
    archives: list[Path] = []
    for path in inputs:
        if path.is_dir():
            _walk(path, sources, archives, problems)
            builds += _builds(path, problems)
        elif path.is_file():
            archives.append(path)
        else:
            text = "there is no such folder or file"
            problems.append(Problem(kind=ProblemKind.ABSENT, text=text, file=shown(path)))
    for number, archive in enumerate(sorted(set(archives))):
        folder = spool / f"archive-{number}"
        folder.mkdir()
        unpacked = unpack(archive, shown(archive), folder)
        sources += unpacked.sources
        builds += unpacked.builds
        problems += unpacked.problems
    return Gathered(sources=tuple(sources), builds=tuple(builds), problems=tuple(problems))


def _walk(top: Path, sources: list[Source], archives: list[Path], problems: list[Problem]) -> None:
    """A folder with a journal is a shard's: nothing below it (logs, kept files) is looked at."""
    for name, folders, files in os.walk(top):
        folder = Path(name)
        folders.sort()
        found = {file: folder / file for file in (JOURNAL, RESULTS) if file in files}
        linked = [path for path in found.values() if path.is_symlink()]
        if JOURNAL in found:
            folders.clear()
        else:
            linked += [folder / each for each in folders if (folder / each).is_symlink()]
            archives += sorted(folder / file for file in files if file.endswith(".zip"))
        journals, more = journals_below(folder) if found else ((), ())
        linked += more
        if journals and OPS in folders:
            folders.remove(OPS)
        if not found:
            problems += _orphans(top, folder, files)
        for path in linked:
            found.pop(path.name, None)
            text = "it is a symbolic link, and links are not followed"
            problems.append(Problem(kind=ProblemKind.REFUSED, text=text, file=shown(path)))
        if found:
            sources.append(
                Source(label=shown(folder), journal=found.get(JOURNAL), results=found.get(RESULTS), ops=journals)
            )


def _builds(top: Path, problems: list[Problem]) -> Iterator[BuildSource]:
    """The folders of builds, which may lie in a shard's: nothing else below a shard's or a build's is looked at."""
    for name, folders, files in os.walk(top):
        folder = Path(name)
        folders.sort()
        if PARTIALS in files:
            folders.clear()
            if (folder / PARTIALS).is_symlink():
                text = "it is a symbolic link, and links are not followed"
                problems.append(Problem(kind=ProblemKind.REFUSED, text=text, file=shown(folder / PARTIALS)))
            else:
                yield BuildSource(label=shown(folder), path=folder / PARTIALS)
        elif JOURNAL in files:
            folders[:] = [each for each in folders if (folder / each / PARTIALS).exists()]


def _orphans(top: Path, folder: Path, files: Iterable[str]) -> Iterator[Problem]:
    for name in sorted(files):
        if may_be_journal(PurePosixPath((folder / name).relative_to(top).as_posix())):
            yield Problem(kind=ProblemKind.DAMAGED, text=ORPHAN, file=shown(folder / name))


def shown(path: Path) -> str:
    """The path as text that every format can carry, also where the file system's bytes are no UTF-8."""
    return path.as_posix().encode("utf-8", "replace").decode()

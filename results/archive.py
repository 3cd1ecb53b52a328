"""Takes the shard files out of a downloaded artifact, trusting nothing that the archive says of itself."""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import msgspec

from results.builds import BuildSource
from results.journal import JOURNAL, RESULTS, Source
from results.ops.files import ORPHAN, assign, may_be_journal
from schemas.partial import PARTIALS
from schemas.report import Problem, ProblemKind

#: Bounds on one archive; artifacts are a few MB, and a hostile one must not fill the disk.
MAX_MEMBERS = 200_000
MAX_MEMBER_BYTES = 512 * 1024**2
MAX_TOTAL_BYTES = 4 * 1024**3
#: What artifacts are packed with. The others let a few bytes become gigabytes within one read, before any count.
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_CHUNK = 1024**2
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError)


class Unpacked(msgspec.Struct, frozen=True, kw_only=True):
    """The shard folders of one archive, and what was refused of it."""

    sources: tuple[Source, ...]
    builds: tuple[BuildSource, ...]
    problems: tuple[Problem, ...]


def unpack(archive: Path, label: str, spool: Path) -> Unpacked:
    """Takes ``archive``, known to people as ``label``, apart.

    Copies every ``records.jsonl``, ``results.json``, ``partial.jsonl`` and journal of operations below ``spool``, under
    names of our own; no path escapes.

    Absolute paths, ``..``, drive letters, links, encrypted, oversized and oddly packed members are refused and named.
    """
    problems: list[Problem] = []
    copied: dict[PurePosixPath, Path] = {}
    budget = MAX_TOTAL_BYTES
    try:
        with zipfile.ZipFile(archive) as opened:
            for number, info in enumerate(_members(opened, label, problems)):
                to = spool / str(number)
                try:
                    budget -= _copy(opened, info, to, min(MAX_MEMBER_BYTES, budget))
                except _BROKEN as error:
                    problems.append(
                        _problem(ProblemKind.DAMAGED, f"{label}:{info.filename}", f"cannot be read: {error}")
                    )
                    continue
                copied[PurePosixPath(info.filename)] = to
    except _BROKEN as error:
        problems.append(_problem(ProblemKind.DAMAGED, label, f"not a readable zip archive: {error}"))
    builds = tuple(
        BuildSource(label=f"{label}:{member.parent}", path=to)
        for member, to in sorted(copied.items())
        if member.name == PARTIALS
    )
    sources, orphans = _sources(label, {each: to for each, to in copied.items() if each.name != PARTIALS})
    problems += orphans
    return Unpacked(sources=sources, builds=builds, problems=tuple(problems))


def _sources(label: str, copied: dict[PurePosixPath, Path]) -> tuple[tuple[Source, ...], list[Problem]]:
    """The shards' folders among the copies, and the journals of operations that belong to none."""
    folders: dict[str, dict[str, Path]] = {}
    for member, to in copied.items():
        if member.name in (JOURNAL, RESULTS):
            folders.setdefault(str(member.parent), {})[member.name] = to
    journals = assign((member for member in copied if member.name not in (JOURNAL, RESULTS)), set(folders))
    orphans = [_problem(ProblemKind.DAMAGED, f"{label}:{each}", ORPHAN) for each in journals.pop("", ())]
    sources = tuple(
        Source(
            label=label if folder == "." else f"{label}:{folder}",
            journal=files.get(JOURNAL),
            results=files.get(RESULTS),
            ops=tuple((str(each.relative_to(folder)), copied[each]) for each in journals.get(folder, ())),
        )
        for folder, files in sorted(folders.items())
    )
    return sources, orphans


def _members(opened: zipfile.ZipFile, label: str, problems: list[Problem]) -> Iterator[zipfile.ZipInfo]:
    infos = opened.infolist()
    if len(infos) > MAX_MEMBERS:
        problems.append(_problem(ProblemKind.REFUSED, label, f"has {len(infos)} members, more than {MAX_MEMBERS}"))
        return
    seen: set[str] = set()
    for info in infos:
        objection = _objection(info)
        if objection:
            problems.append(_problem(ProblemKind.REFUSED, f"{label}:{info.filename}", objection))
        elif not info.is_dir() and _wanted(PurePosixPath(info.filename)):
            name = str(PurePosixPath(info.filename))
            if name in seen:
                problems.append(_problem(ProblemKind.REFUSED, f"{label}:{name}", "the archive holds this name twice"))
                continue
            seen.add(name)
            yield info


def _wanted(member: PurePosixPath) -> bool:
    return member.name in (JOURNAL, RESULTS, PARTIALS) or may_be_journal(member)


def _objection(info: zipfile.ZipInfo) -> str:
    name = info.filename
    parts = name.replace("\\", "/").split("/")
    if name.startswith(("/", "\\")) or ":" in parts[0] or ".." in parts or "\0" in name:
        return "its path leads out of the archive"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "it is a symbolic link"
    if info.flag_bits & 0x1:
        return "it is encrypted"
    if info.compress_type not in _METHODS:
        return f"it is packed by method {info.compress_type}, which no artifact is"
    return ""


def _copy(opened: zipfile.ZipFile, info: zipfile.ZipInfo, to: Path, limit: int) -> int:
    """Bytes copied. The limit holds for what really comes out, not for what the archive declares."""
    size = 0
    with opened.open(info) as source, to.open("wb") as sink:
        while chunk := source.read(_CHUNK):
            size += len(chunk)
            if size > limit:
                to.unlink()
                raise ValueError(f"it unpacks to more than {limit} bytes")
            sink.write(chunk)
    return size


def _problem(kind: ProblemKind, file: str, text: str) -> Problem:
    return Problem(kind=kind, text=text, file=file)

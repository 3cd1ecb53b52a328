"""What one run of the compiler left becomes one file that is whole or not there, and the other way round.

A line of JSON with the header, the parts one after the other, then the SHA-256 (32 bytes) of all before it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pathlib
from collections.abc import Iterator, Mapping
from typing import BinaryIO

import msgspec

from runner.cache.keys import FORMAT
from schemas.codec import decode, encode

SUFFIX = ".entry"
_CHUNK = 1 << 20
_LONGEST_HEADER = 1 << 20
_MODULE = "module"
_SAID = "said"
_STATISTICS = "statistics"
_EXTRA = "extra/"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """How a run of the compiler ended, what it said and left beside the module."""

    seconds: float
    peak_rss_bytes: int | None
    said: str
    statistics: bytes = b""  # the compiler's own JSON; empty where it wrote none
    extras: Mapping[str, bytes] = {}  # files beside it, by name


class Hit(Entry, frozen=True, kw_only=True):
    """It made a module."""


class Failure(Entry, frozen=True, kw_only=True):
    """It refused the module with an exit code."""

    exit_code: int


class _Part(msgspec.Struct, frozen=True):
    name: str
    size: int


class _Header(msgspec.Struct, frozen=True, kw_only=True):
    key: str
    exit_code: int
    seconds: float
    peak_rss_bytes: int | None
    parts: tuple[_Part, ...]
    format: int = FORMAT


class _DamagedError(Exception):
    """The file is not what was once written."""


def write(path: pathlib.Path, key: str, entry: Hit | Failure, module: pathlib.Path | None) -> int:
    """Put an entry at ``path`` in one step; its size in bytes. Raises OSError, and leaves nothing half-written."""
    small = {_SAID: entry.said.encode(), _STATISTICS: entry.statistics}
    small |= {f"{_EXTRA}{name}": data for name, data in entry.extras.items()}
    parts = [_Part(name, len(data)) for name, data in small.items()]
    if module is not None:
        parts.append(_Part(_MODULE, module.stat().st_size))
    header = _Header(
        key=key,
        exit_code=entry.exit_code if isinstance(entry, Failure) else 0,
        seconds=entry.seconds,
        peak_rss_bytes=entry.peak_rss_bytes,
        parts=tuple(parts),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.urandom(6).hex()}.tmp")
    try:
        with scratch.open("xb") as file:
            digest = hashlib.sha256()
            for block in (encode(header) + b"\n", *small.values(), *(_blocks(module) if module is not None else ())):
                digest.update(block)
                file.write(block)
            file.write(digest.digest())
            size = file.tell()
        scratch.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            scratch.unlink(missing_ok=True)
        raise
    return size


def read(path: pathlib.Path, key: str, module: pathlib.Path) -> Hit | Failure | None:
    """The entry at ``path``, its module copied to ``module``; None where there is none.

    An entry that is damaged, or of another format, is removed. Raises OSError where ``module`` cannot be written; it
    appears there only when it is whole.
    """
    try:
        file = path.open("rb")
    except OSError:
        return None
    with file:
        try:
            found = _read(file, key, module)
        except (_DamagedError, msgspec.MsgspecError, UnicodeDecodeError):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
            return None
    with contextlib.suppress(OSError):
        os.utime(path)  # the least recently used goes first
    return found


def _read(file: BinaryIO, key: str, module: pathlib.Path) -> Hit | Failure:
    line = file.readline(_LONGEST_HEADER)
    header = decode(line, _Header)
    digest = hashlib.sha256(line)
    if (header.key, header.format) != (key, FORMAT):
        raise _DamagedError
    small: dict[str, bytes] = {}
    scratch: pathlib.Path | None = None
    try:
        for part in header.parts:
            if part.name == _MODULE:
                scratch = module.with_name(f".{module.name}.{os.urandom(6).hex()}.tmp")
                with scratch.open("xb") as target:
                    for block in _taken(file, part.size):
                        digest.update(block)
                        target.write(block)
            else:
                small[part.name] = b"".join(_taken(file, part.size))
                digest.update(small[part.name])
        if _given(file, digest.digest_size + 1) != digest.digest() or (header.exit_code == 0) is not bool(scratch):
            raise _DamagedError
        if scratch is not None:
            scratch.replace(module)
    finally:
        if scratch is not None:
            scratch.unlink(missing_ok=True)
    return _entry(header, small)


def _entry(header: _Header, small: Mapping[str, bytes]) -> Hit | Failure:
    about = Entry(
        seconds=header.seconds,
        peak_rss_bytes=header.peak_rss_bytes,
        said=small.get(_SAID, b"").decode(),
        statistics=small.get(_STATISTICS, b""),
        extras={name.removeprefix(_EXTRA): data for name, data in small.items() if name.startswith(_EXTRA)},
    )
    fields = msgspec.structs.asdict(about)
    return Failure(**fields, exit_code=header.exit_code) if header.exit_code else Hit(**fields)


def _blocks(path: pathlib.Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(_CHUNK):
            yield block


def _taken(file: BinaryIO, size: int) -> Iterator[bytes]:
    """Exactly ``size`` bytes in blocks; a read that fails is damage like any other."""
    while size > 0:
        block = _given(file, min(size, _CHUNK))
        if not block:
            raise _DamagedError
        size -= len(block)
        yield block


def _given(file: BinaryIO, size: int) -> bytes:
    try:
        return file.read(size)
    except OSError as error:
        raise _DamagedError from error

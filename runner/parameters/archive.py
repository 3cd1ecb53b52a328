"""Named streams of bytes become an IREE parameter archive (.irpa), written from front to back in little memory.

The format is that of ``runtime/src/iree/schemas/parameter_archive.h``, version 0.0, little-endian, without padding
inside structures. Offsets count from the header; ranges are two uint64, offset and length:

    header   magic "IRPA", u16 major, u16 minor, u64 header size (88), u64 next header (0: none), u64 flags,
             u64 entries, and the ranges of the entry table, of the metadata and of the storage
    entry    u64 its size without padding, u32 type (1 splat, 2 data), u64 flags, range of its name and range of its
             metadata (in the metadata segment), u64 minimum alignment; then
             splat: u64 length, 16 bytes of pattern, u8 how many of them count
             data: range in the storage segment
    entries begin at multiples of 16, data at multiples of 64; the file's size is a multiple of 4096

``iree.runtime.ParameterIndex.create_archive_file`` writes the same, but wants every parameter in memory at once.
"""

from __future__ import annotations

import hashlib
import pathlib
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

_HEADER = struct.Struct("<4sHHQQQ Q QQ QQ QQ")
_ENTRY = struct.Struct("<QIQ QQ QQ Q")
_SPLAT = struct.Struct("<Q16sB")
_DATA = struct.Struct("<QQ")
_MAGIC = b"IRPA"
_TYPE_SPLAT, _TYPE_DATA = 1, 2
_ENTRY_ALIGNMENT, _DATA_ALIGNMENT, _FILE_ALIGNMENT = 16, 64, 4096


@dataclass(frozen=True)
class Data:
    """A parameter with ``length`` bytes of its own, which ``blocks`` gives when they are wanted."""

    key: str
    length: int
    blocks: Iterable[bytes]


@dataclass(frozen=True)
class Splat:
    """A parameter of ``length`` bytes that repeat a pattern of 1, 2, 4, 8 or 16; they take no room."""

    key: str
    length: int
    pattern: bytes


def write_archive(path: pathlib.Path, entries: Sequence[Data | Splat]) -> str:
    """Write ``path`` anew; the SHA-256 of what was written.

    Raises OSError, and ValueError for a stream that is not as long as was told.
    """
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for block in _content(entries):
            digest.update(block)
            file.write(block)
    return digest.hexdigest()


def _content(entries: Sequence[Data | Splat]) -> Iterator[bytes]:
    head, storage = _head(entries)
    yield head
    at = 0
    for entry in entries:
        if isinstance(entry, Splat):
            continue
        length = 0
        for block in entry.blocks:
            length += len(block)
            yield block
        if length != entry.length:
            msg = f"parameter {entry.key!r}: {length} bytes came, {entry.length} were told"
            raise ValueError(msg)
        yield bytes(_up(length, _DATA_ALIGNMENT) - length)
        at += _up(length, _DATA_ALIGNMENT)
    yield bytes(_up(storage + at, _FILE_ALIGNMENT) - storage - at)


def _head(entries: Sequence[Data | Splat]) -> tuple[bytes, int]:
    """Header, table and names, padded to where the storage begins; and that place."""
    names = [entry.key.encode() for entry in entries]
    table = bytearray()
    name_at = data_at = end = 0
    for entry, name in zip(entries, names, strict=True):
        table += bytes(_up(len(table), _ENTRY_ALIGNMENT) - len(table))
        if isinstance(entry, Splat):
            kind, body = _TYPE_SPLAT, _SPLAT.pack(entry.length, entry.pattern, len(entry.pattern))
            alignment = len(entry.pattern)
        else:
            kind, body, alignment = _TYPE_DATA, _DATA.pack(data_at, entry.length), _DATA_ALIGNMENT
            end = data_at + entry.length
            data_at = _up(end, _DATA_ALIGNMENT)
        table += _ENTRY.pack(_ENTRY.size + len(body), kind, 0, name_at, len(name), 0, 0, alignment) + body
        name_at += len(name)
    table_at = _up(_HEADER.size, _ENTRY_ALIGNMENT)
    names_at = table_at + len(table)
    storage = _up(names_at + name_at, _DATA_ALIGNMENT)
    header = _HEADER.pack(
        _MAGIC, 0, 0, _HEADER.size, 0, 0, len(entries), table_at, len(table), names_at, name_at, storage, end
    )
    head = header + bytes(table_at - len(header)) + bytes(table) + b"".join(names)
    return head + bytes(storage - len(head)), storage


def _up(value: int, alignment: int) -> int:
    return -(-value // alignment) * alignment

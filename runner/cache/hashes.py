"""A file or a folder becomes the digest of its contents; of large files it is taken once."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import pathlib
import time
from collections.abc import Iterator

import msgspec

from schemas.codec import decode, encode
from suites.digest import sha256_of

#: Below so many bytes a digest is taken faster than a remembered one is read.
_SMALL = 4 << 20
#: A file changed less than so many nanoseconds ago may change again without another modification time.
_SETTLED = 2_000_000_000
_MOST_FILES = 4096


class TooManyFilesError(Exception):
    """A folder with so many files that nobody can have meant it as an input of the compiler."""


class _Known(msgspec.Struct, frozen=True):
    """A digest, and what the file looked like when it was taken."""

    path: str
    size: int
    modified: int
    inode: int
    sha256: str


def hash_of(path: pathlib.Path, store: pathlib.Path) -> str:
    """SHA-256 of a file; of a large one taken again only when its path, size, modification time or inode changed.

    What is known lies in ``<store>/hashes``. A store that cannot be written makes it slow, not wrong. Raises OSError
    where the file cannot be read.
    """
    path = path.resolve()
    state = path.stat()
    if state.st_size < _SMALL:
        return sha256_of(path)
    memo = store / "hashes" / f"{path.name}-{hashlib.sha256(str(path).encode()).hexdigest()[:12]}.json"
    seen = (str(path), state.st_size, state.st_mtime_ns, state.st_ino)
    with contextlib.suppress(OSError, msgspec.MsgspecError):
        known = decode(memo.read_bytes(), _Known)
        if (known.path, known.size, known.modified, known.inode) == seen:
            return known.sha256
    digest = sha256_of(path)
    if time.time_ns() - state.st_mtime_ns > _SETTLED:
        with contextlib.suppress(OSError):
            memo.parent.mkdir(parents=True, exist_ok=True)
            scratch = memo.with_suffix(f".{os.urandom(6).hex()}.tmp")
            scratch.write_bytes(encode(_Known(*seen, digest)))
            scratch.replace(memo)
    return digest


def forget_gone(store: pathlib.Path) -> None:
    """Remove what is remembered of files that are no longer there."""
    for memo in (store / "hashes").glob("*.json"):
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            if not pathlib.Path(decode(memo.read_bytes(), _Known).path).exists():
                memo.unlink()


def hash_of_tree(root: pathlib.Path, store: pathlib.Path) -> str:
    """SHA-256 over the names and contents of all files below a folder.

    Raises TooManyFilesError, and OSError where one cannot be read.
    """
    files = list(itertools.islice(_files(root), _MOST_FILES + 1))  # counted before one of them is read
    if len(files) > _MOST_FILES:
        raise TooManyFilesError(str(root))
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.relative_to(root).as_posix()}\0{hash_of(path, store)}\n".encode())
    return digest.hexdigest()


def _files(root: pathlib.Path) -> Iterator[pathlib.Path]:
    """Regular files, folder by folder in a fixed order; a folder of millions is never listed to its end."""
    for folder, folders, files in os.walk(root):
        folders.sort()
        for name in sorted(files):
            path = pathlib.Path(folder, name)
            if path.is_file():
                yield path

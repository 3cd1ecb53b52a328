"""A file's bytes turned into the digests by which it is known."""

from __future__ import annotations

import base64
import hashlib
import pathlib

_CHUNK = 1 << 20


def sha256_of(path: pathlib.Path) -> str:
    """Hex digest of a file's bytes."""
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(_CHUNK):
            digest.update(block)
    return digest.hexdigest()


def md5_of(path: pathlib.Path) -> str:
    """As the Content-MD5 header has it: base64."""
    with path.open("rb") as file:
        digest = hashlib.md5(usedforsecurity=False)
        while block := file.read(_CHUNK):
            digest.update(block)
    return base64.b64encode(digest.digest()).decode()

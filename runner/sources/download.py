"""A URL becomes a whole, verified file: resumed after a cut, retried with pauses, renamed into place at the end."""

from __future__ import annotations

import base64
import hashlib
import os
import pathlib
import shutil
import time
import urllib.parse
import urllib.request
from typing import Any

import msgspec

from runner.store import sha256_of
from schemas.codec import decode, encode
from schemas.errors import InfraError

#: Set to 1: whatever is not in the store is an error at once, without a try.
OFFLINE_VARIABLE = "E2ESHARD_OFFLINE"
ATTEMPTS = 5
_FIRST_PAUSE = 0.5  # seconds; doubles with every attempt
_TIMEOUT = (10, 60)  # seconds to connect, and between two pieces of an answer
_CHUNK = 1 << 16  # also what a cut connection loses at most
_TRY_AGAIN = (408, 425, 429, 500, 502, 503, 504)
_PARTIAL_CONTENT = 206
_RANGE_NOT_SATISFIABLE = 416


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What to fetch, where to, and the SHA-256 that it must have, where one is known."""

    url: str
    path: pathlib.Path
    sha256: str | None = None


class _Receipt(msgspec.Struct, frozen=True):
    """Beside each file: what it is known to be, so that it is not hashed again on every run."""

    url: str
    sha256: str
    size: int


class _RetryError(Exception):
    """This attempt failed in a way that another may not."""


def download(wanted: Wanted, *, force: bool = False, attempts: int = ATTEMPTS, pause: float = _FIRST_PAUSE) -> None:
    """Make ``wanted.path`` exist. The caller holds the lock of the file.

    A file that is there with the wanted hash (or without one asked for) is kept, unless ``force``. Raises InfraError
    naming the URL, what happened, and how to mend it.
    """
    if not force and _is_there(wanted):
        return
    scheme = urllib.parse.urlsplit(wanted.url).scheme
    if scheme not in ("http", "https", "file"):
        raise InfraError(f"{wanted.url}: cannot download from {scheme!r}", "use an https:, http: or file: URL")
    part = wanted.path.with_name(wanted.path.name + ".part")
    if force:
        part.unlink(missing_ok=True)
    if scheme == "file":
        _copy(wanted, part)
    elif os.environ.get(OFFLINE_VARIABLE) == "1":
        raise InfraError(
            f"{wanted.url} is not in the store, and {OFFLINE_VARIABLE}=1 forbids downloads",
            f"run once without {OFFLINE_VARIABLE}, or put the file at {wanted.path}",
        )
    else:
        _fetch_patiently(wanted, part, attempts, pause)
    _accept(wanted, part)


def _is_there(wanted: Wanted) -> bool:
    if not wanted.path.is_file():
        return False
    try:
        receipt = decode(_receipt_path(wanted).read_bytes(), _Receipt)
    except (OSError, msgspec.MsgspecError):  # put there by hand, or before receipts: hash it now
        return wanted.sha256 is None or sha256_of(wanted.path) == wanted.sha256
    same = receipt.size == wanted.path.stat().st_size
    return same and wanted.sha256 in (None, receipt.sha256)


def _receipt_path(wanted: Wanted) -> pathlib.Path:
    return wanted.path.with_name(wanted.path.name + ".receipt.json")


def _copy(wanted: Wanted, part: pathlib.Path) -> None:
    local = urllib.request.url2pathname(urllib.parse.urlsplit(wanted.url).path)
    try:
        shutil.copyfile(local, part)
    except FileNotFoundError as error:
        raise InfraError(f"{wanted.url}: there is no such file", "mend the URL in the manifest") from error


def _fetch_patiently(wanted: Wanted, part: pathlib.Path, attempts: int, pause: float) -> None:
    last: _RetryError | None = None
    for attempt in range(attempts):
        if attempt:
            time.sleep(pause * 2 ** (attempt - 1))
        try:
            _fetch(wanted, part)
        except _RetryError as error:
            last = error
        else:
            return
    raise InfraError(
        f"{wanted.url} could not be downloaded in {attempts} attempts; the last one said: {last}",
        "try again later, or check the URL and this machine's network",
    )


def _fetch(wanted: Wanted, part: pathlib.Path) -> None:
    """One attempt, continuing where the last one was cut if the server can."""
    import requests  # noqa: PLC0415 - only where something is downloaded

    have = part.stat().st_size if part.is_file() else 0
    headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={have}-"} if have else {})}
    try:
        with requests.get(wanted.url, headers=headers, stream=True, timeout=_TIMEOUT) as answer:
            if answer.status_code == _RANGE_NOT_SATISFIABLE:
                part.unlink()
                msg = "the server cannot continue the cut download; started again"
                raise _RetryError(msg)
            _check_status(wanted, answer)
            _receive(answer, part, append=answer.status_code == _PARTIAL_CONTENT)
    except requests.RequestException as error:
        raise _RetryError(str(error)) from error


def _check_status(wanted: Wanted, answer: Any) -> None:
    if answer.status_code in _TRY_AGAIN:
        msg = f"HTTP {answer.status_code} {answer.reason}"
        raise _RetryError(msg)
    if not answer.ok:
        raise InfraError(
            f"{wanted.url}: the server answered HTTP {answer.status_code} {answer.reason}",
            "mend the URL in the manifest, or ask for access to it",
        )


def _receive(answer: Any, part: pathlib.Path, *, append: bool) -> None:
    with part.open("ab" if append else "wb") as file:
        for block in answer.iter_content(_CHUNK):
            file.write(block)
    promised = answer.headers.get("Content-MD5")
    if promised and not append:
        digest = hashlib.md5(part.read_bytes(), usedforsecurity=False).digest()
        if base64.b64encode(digest).decode() != promised:
            part.unlink()
            msg = "the content does not have the server's Content-MD5"
            raise _RetryError(msg)


def _accept(wanted: Wanted, part: pathlib.Path) -> None:
    found = sha256_of(part)
    if wanted.sha256 is not None and found != wanted.sha256:
        part.unlink()
        raise InfraError(
            f"{wanted.url} has the SHA-256 {found}, the manifest says {wanted.sha256}",
            "mend sha256 in the manifest if the model was changed on purpose; otherwise the server sends another file",
        )
    receipt = _Receipt(wanted.url, found, part.stat().st_size)
    part.replace(wanted.path)
    scratch = _receipt_path(wanted).with_suffix(".tmp")
    scratch.write_bytes(encode(receipt))
    scratch.replace(_receipt_path(wanted))

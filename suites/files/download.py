"""A URL becomes a whole, verified file: resumed after a cut, retried with pauses, renamed into place at the end."""

from __future__ import annotations

import contextlib
import logging
import os
import pathlib
import shutil
import urllib.parse
import urllib.request

import msgspec

from schemas.codec import decode, encode
from schemas.errors import InfraError
from suites.digest import md5_of, sha256_of
from suites.files.addresses import shown
from suites.files.http import open_http
from suites.files.patience import ATTEMPTS, FIRST_PAUSE, RetryError, UnreachableError, patiently
from suites.files.s3 import open_s3
from suites.files.transport import NotThereError, Transport

log = logging.getLogger("suites.files")

#: Set to 1: whatever is not in the store is an error at once, without a try.
OFFLINE_VARIABLE = "E2ESHARD_OFFLINE"

#: Servers that gave no answer to all attempts for some file.
_SILENT: set[str] = set()

_TRANSPORTS: dict[str, Transport] = {"http": open_http, "https": open_http, "s3": open_s3}


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What to fetch, where to, and the SHA-256 that it must have, where one is known.

    ``aside`` begins the names of what is kept about the file and of what has arrived of it: the path itself, if not
    given. It must be on the same file system.
    """

    url: str
    path: pathlib.Path
    sha256: str | None = None
    aside: pathlib.Path | None = None

    def beside(self, suffix: str) -> pathlib.Path:
        """The file that carries ``suffix``."""
        base = self.aside or self.path
        return base.with_name(base.name + suffix)


class _Receipt(msgspec.Struct, frozen=True):
    """Beside each file: what it is known to be, so that it is not hashed again on every run."""

    url: str
    sha256: str
    size: int


class _Begun(msgspec.Struct, frozen=True):
    """Beside what has arrived so far: of which state of which file it is."""

    url: str
    validator: str = ""
    size: int | None = None
    md5: str = ""


def download(wanted: Wanted, *, force: bool = False, attempts: int = ATTEMPTS, pause: float = FIRST_PAUSE) -> None:
    """Make ``wanted.path`` exist. The caller holds the lock of the file.

    A file that is there with the wanted hash (or without one asked for) is kept, unless ``force``. Raises InfraError
    naming the URL, what happened, and how to mend it.
    """
    if not force and is_there(wanted):
        return
    scheme = urllib.parse.urlsplit(wanted.url).scheme
    if scheme not in ("file", *_TRANSPORTS):
        raise InfraError(f"{shown(wanted.url)}: cannot download from {scheme!r}", "use an https:, http: or s3: URL")
    wanted.beside(".part").parent.mkdir(parents=True, exist_ok=True)
    if force:
        _forget(wanted)
    if scheme == "file":
        _copy(wanted)
        _accept(wanted, continued=False)
    elif is_offline():
        raise InfraError(
            f"{shown(wanted.url)} is not in the store, and {OFFLINE_VARIABLE}=1 forbids downloads",
            f"run once without {OFFLINE_VARIABLE}, or put the file at {wanted.path}",
        )
    else:
        log.info("downloading %s", shown(wanted.url))
        _patiently(wanted, _TRANSPORTS[scheme], attempts, pause)


def _patiently(wanted: Wanted, transport: Transport, attempts: int, pause: float) -> None:
    """Several attempts; one only where this process knows that the server does not answer.

    A thousand files of a server that cannot be reached must not take a thousand times five attempts.
    """
    server = urllib.parse.urlsplit(wanted.url).netloc
    try:
        patiently(
            lambda: _fetch(wanted, transport),
            shown(wanted.url),
            attempts=1 if server in _SILENT else attempts,
            pause=pause,
            progress=lambda: _size(wanted.beside(".part")),
        )
    except InfraError as error:
        if isinstance(error.__cause__, UnreachableError):
            _SILENT.add(server)
        raise
    _SILENT.discard(server)


def is_offline() -> bool:
    """Whether the user forbids downloads."""
    return os.environ.get(OFFLINE_VARIABLE) == "1"


def is_there(wanted: Wanted) -> bool:
    """Whether the file lies there and is, as far as anything was said about it, the one that is meant."""
    if not wanted.path.is_file():
        return False
    try:
        receipt = decode(wanted.beside(".receipt.json").read_bytes(), _Receipt)
    except (OSError, msgspec.MsgspecError):  # put there by hand: hash it now
        return wanted.sha256 is None or sha256_of(wanted.path) == wanted.sha256
    same = receipt.size == wanted.path.stat().st_size and wanted.sha256 in (None, receipt.sha256)
    if same:
        with contextlib.suppress(OSError):
            os.utime(wanted.beside(".receipt.json"))  # the least recently used download is removed first
    return same


def _size(path: pathlib.Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _forget(wanted: Wanted) -> None:
    for suffix in (".part", ".part.json"):
        wanted.beside(suffix).unlink(missing_ok=True)


def _copy(wanted: Wanted) -> None:
    local = urllib.request.url2pathname(urllib.parse.urlsplit(wanted.url).path)
    try:
        shutil.copyfile(local, wanted.beside(".part"))
    except FileNotFoundError as error:
        raise NotThereError(
            f"{wanted.url}: there is no such file", "mend the address, or put the file there"
        ) from error


def _fetch(wanted: Wanted, transport: Transport) -> None:
    """One attempt, continuing where the last one was cut if that is safe."""
    part = wanted.beside(".part")
    begun = _begun(wanted)
    # Without a hash or the server's word that the file is still the same, two halves might not belong together.
    have = _size(part) if begun.validator or wanted.sha256 else 0
    try:
        if not have or have != begun.size:
            begun = _receive(wanted, transport, have, begun)
        _accept(wanted, continued=have > 0, md5=begun.md5)
    except RetryError as error:
        if error.restart:
            _forget(wanted)
        raise


def _begun(wanted: Wanted) -> _Begun:
    try:
        begun = decode(wanted.beside(".part.json").read_bytes(), _Begun)
    except (OSError, msgspec.MsgspecError):
        return _Begun(url="")
    return begun if begun.url == shown(wanted.url) else _Begun(url="")


def _receive(wanted: Wanted, transport: Transport, have: int, begun: _Begun) -> _Begun:
    part = wanted.beside(".part")
    with transport(wanted.url, have, begun.validator) as offer:
        if not (offer.ends or wanted.sha256 or offer.md5):
            raise InfraError(
                f"{shown(wanted.url)}: neither length nor checksum is told: a cut download would look whole",
                "give the file's hash: add #sha256=… to the address",
            )
        if offer.start == 0:
            begun = _Begun(shown(wanted.url), offer.validator, offer.size, offer.md5)
            part.unlink(missing_ok=True)
            _write(wanted.beside(".part.json"), encode(begun))
        with part.open("ab") as file:
            for block in offer.blocks:
                file.write(block)
        size = offer.size
    if size is not None and (found := _size(part)) != size:
        raise RetryError(f"{found} bytes arrived of {size} that were promised", restart=found > size)
    return begun


def _accept(wanted: Wanted, *, continued: bool, md5: str = "") -> None:
    part = wanted.beside(".part")
    if md5 and md5_of(part) != md5:
        raise RetryError("the content does not have the server's Content-MD5", restart=True)
    found = sha256_of(part)
    if wanted.sha256 is not None and found != wanted.sha256:
        if continued:  # perhaps two halves of different files
            raise RetryError(f"the continued download has the SHA-256 {found}", restart=True)
        _forget(wanted)
        raise InfraError(
            f"{shown(wanted.url)} has the SHA-256 {found}, and {wanted.sha256} was asked for",
            "mend the sha256 if the file was changed on purpose; otherwise the server sends another file",
        )
    wanted.path.parent.mkdir(parents=True, exist_ok=True)
    receipt = _Receipt(shown(wanted.url), found, part.stat().st_size)
    wanted.beside(".receipt.json").unlink(missing_ok=True)  # that of what is replaced now
    part.replace(wanted.path)
    _write(wanted.beside(".receipt.json"), encode(receipt))
    _forget(wanted)


def _write(path: pathlib.Path, content: bytes) -> None:
    scratch = path.with_name(path.name + ".tmp")
    scratch.write_bytes(content)
    scratch.replace(path)

"""A path of the store becomes a file or folder of this machine, fetched from where the store is fed if missing."""

from __future__ import annotations

import contextlib
import hashlib
import pathlib
import urllib.parse
import urllib.request
from collections.abc import Iterator

from filelock import FileLock

from schemas.errors import InfraError
from suites.files import s3
from suites.files.addresses import joined, shown
from suites.files.download import OFFLINE_VARIABLE, Wanted, download, is_offline, is_there
from suites.files.names import StorePath
from suites.files.places import ASIDE, LOCAL_VARIABLE, SHARED_VARIABLES, UPSTREAM_VARIABLE, Places
from suites.files.transport import NotThereError

_WHOLE = ".whole"  # an empty file: everything below this folder was fetched


def wanted_in(root: pathlib.Path, relative: str, url: str = "", sha256: str | None = None) -> Wanted:
    """A file of a store's folder, with what is kept about it out of the way of those who read the folder."""
    return Wanted(url=url, path=root / relative, sha256=sha256, aside=root / ASIDE / relative)


@contextlib.contextmanager
def locked(root: pathlib.Path, name: str) -> Iterator[None]:
    """Keep other processes and threads of this machine from fetching the same thing; ends with the process."""
    folder = root / ASIDE / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f"{hashlib.sha256(name.encode()).hexdigest()[:24]}.lock"):
        yield


def from_store(asked: StorePath, sha256: str | None, where: Places, *, force: bool) -> pathlib.Path:
    """The path in the first folder that has it; raises InfraError with what to do."""
    refetch = force and where.upstream and not _is_final(where)
    found = None if refetch else _find(asked, sha256, where)
    if found is not None:
        return found
    _check_may_fetch(asked, sha256, where)
    root = where.writable()
    with locked(root, asked.path):
        if not force and (found := _find(asked, sha256, where)) is not None:
            return found
        return _fetch(asked, sha256, where.upstream, root, force=force)


def _is_final(where: Places) -> bool:
    """Whether the shared store is the only place to look: a CI machine that has one runs what was synchronised."""
    return where.on_ci and where.shared is not None


def _find(asked: StorePath, sha256: str | None, where: Places) -> pathlib.Path | None:
    for root in where.readable:
        path = root / asked.path
        if path.is_dir() and (root == where.shared or _is_whole(root, asked.path)):
            if sha256:
                raise InfraError(f"{path} is a folder, and has no SHA-256", "name a file, or give no hash")
            return path
        if not asked.folder and is_there(wanted_in(root, asked.path, sha256=sha256)):
            return path
    return None


def _is_whole(root: pathlib.Path, relative: str) -> bool:
    """Whether a folder has all its files: not where some were fetched one by one, or a fetch was ended half-way."""
    aside = root / ASIDE
    if any((aside / each / _WHOLE).is_file() for each in (relative, *map(str, pathlib.PurePath(relative).parents))):
        return True
    return not any(path.is_file() for path in (aside / relative).rglob("*"))


def _check_may_fetch(asked: StorePath, sha256: str | None, where: Places) -> None:
    looked = ", ".join(f"{root / asked.path}{'' if root.is_dir() else ' (no such store)'}" for root in where.readable)
    which = f" with the SHA-256 {sha256}" if sha256 else ""
    missing = f"the store has no {asked.path!r}{which}: looked at {looked}"
    if _is_final(where):
        raise InfraError(
            f"{missing}; this is CI, where the shared store is not added to by tests",
            f"mend the path, or sync the store of {SHARED_VARIABLES[0]}: a new file is there after its next sync",
        )
    if not where.upstream:
        raise InfraError(
            f"{missing}; and {UPSTREAM_VARIABLE}, where missing files come from, is not set",
            f"mend the path, put the file there, sync the store, or set {UPSTREAM_VARIABLE} to the http(s):// or s3:// "
            f"address or the directory that feeds it (and {LOCAL_VARIABLE} to the folder that keeps what is fetched)",
        )
    if is_offline() and "://" in where.upstream:
        raise InfraError(
            f"{missing}; and {OFFLINE_VARIABLE}=1 forbids downloads", f"run once without {OFFLINE_VARIABLE}"
        )


def _fetch(asked: StorePath, sha256: str | None, upstream: str, root: pathlib.Path, *, force: bool) -> pathlib.Path:
    """From a directory, an S3 bucket or a web server into ``root``."""
    is_address = upstream.startswith(("http://", "https://", "s3://"))
    source = pathlib.Path(upstream).expanduser()
    if not is_address and not source.is_dir():
        raise InfraError(
            f"{UPSTREAM_VARIABLE}={shown(upstream)} is neither an address nor a folder of this machine",
            "an http(s):// or s3:// address or a directory is meant",
        )
    url = joined(upstream, asked.path) if is_address else (source.absolute() / asked.path).as_uri()
    try:
        if not asked.folder and (is_address or not (source / asked.path).is_dir()):
            download(wanted_in(root, asked.path, url, sha256), force=force)
            return root / asked.path
    except NotThereError as error:
        below = _below(url)
        if not below:
            raise NotThereError(
                f"neither the store nor {UPSTREAM_VARIABLE} has {asked.path!r}: {error.message}",
                f"mend the path, or put the file into what {UPSTREAM_VARIABLE} names",
            ) from error
    else:
        below = _below(url)
    return _fetch_folder(asked, sha256, url, below, root, force=force)


def _below(url: str) -> tuple[str, ...]:
    """The files of a folder, by their addresses; none where it has none or cannot be listed."""
    if url.startswith("s3://"):
        return s3.files_below(url)
    if url.startswith("file://"):
        folder = pathlib.Path(urllib.request.url2pathname(url.removeprefix("file://")))
        return tuple(sorted(path.as_uri() for path in folder.rglob("*") if path.is_file()))
    return ()


def _fetch_folder(
    asked: StorePath, sha256: str | None, url: str, below: tuple[str, ...], root: pathlib.Path, *, force: bool
) -> pathlib.Path:
    if sha256:
        raise InfraError(f"{shown(url)} is a folder, and has no SHA-256", "name a file, or give no hash")
    if not below:
        raise NotThereError(
            f"{shown(url)} is an empty folder, or one that cannot be listed",
            "name its files one by one; web servers cannot be asked for what a folder holds, directories and s3:// can",
        )
    for each in below:
        inside = each.removeprefix(url + "/")
        relative = inside if each.startswith("s3://") else urllib.parse.unquote(inside)
        download(wanted_in(root, f"{asked.path}/{relative}", each), force=force)
    marker = root / ASIDE / asked.path / _WHOLE
    marker.parent.mkdir(parents=True, exist_ok=True)
    marker.touch()
    return root / asked.path

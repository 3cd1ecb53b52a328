"""`get_file`: what a model's code asks for becomes a path of this machine, whatever kind of thing it is."""

from __future__ import annotations

import os
import pathlib

from schemas.errors import InfraError
from suites.digest import sha256_of
from suites.files.download import download, is_there
from suites.files.hub import from_hub
from suites.files.names import HubFile, Url, parse
from suites.files.places import LOCAL_VARIABLE, Places, places
from suites.files.store import from_store, locked, wanted_in


def get_file(path: str | os.PathLike[str], *, sha256: str | None = None, force: bool = False) -> pathlib.Path:
    """The local path of a file or folder, fetched if it is not here yet; docs/files.md has every rule.

    ``path``: an http(s):// or s3:// address, `hf://owner/name[@revision][/file]`, or a path inside the shared store. A
    text that ends in `#sha256=…`, or ``sha256``, says which file it must be. ``force`` fetches again what was fetched.

    Raises InfraError with the remedy: the case that asked is INFRA then, since the model is not to blame.
    """
    asked = parse(os.fspath(path), sha256)
    where = places()
    try:
        if isinstance(asked.name, Url):
            return _from_url(asked.name, asked.sha256, where, force=force)
        if isinstance(asked.name, HubFile):
            return _checked(from_hub(asked.name, force=force), asked.sha256)
        return from_store(asked.name, asked.sha256, where, force=force)
    except OSError as error:
        remedy = f"make room or mend the permissions there, or name another folder in {LOCAL_VARIABLE}"
        raise InfraError(f"get_file({os.fspath(path)!r}): {error}", remedy) from error


def _from_url(asked: Url, sha256: str | None, where: Places, *, force: bool) -> pathlib.Path:
    """``<store>/url/<key>/<name>``: where some folder has it, or downloaded into one that can be written."""
    for root in where.readable:
        if not force and is_there(wanted_in(root, asked.relative, asked.url, sha256)):
            return root / asked.relative
    root = where.writable()
    with locked(root, asked.url):
        wanted = wanted_in(root, asked.relative, asked.url, sha256)
        download(wanted, force=force)
    return wanted.path


def _checked(path: pathlib.Path, sha256: str | None) -> pathlib.Path:
    if sha256 and path.is_dir():
        raise InfraError(f"{path} is a folder, and has no SHA-256", "name a file, or give no hash")
    if sha256 and (found := sha256_of(path)) != sha256:
        raise InfraError(
            f"{path} has the SHA-256 {found}, and {sha256} was asked for",
            "mend the sha256, or name the revision that has it: hf://owner/name@commit/file",
        )
    return path

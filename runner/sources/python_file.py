"""A class of a Python file that a manifest names becomes that file, once it is known to be the one that was read."""

from __future__ import annotations

import pathlib

from runner.store import Store, sha256_of
from schemas.case import Source
from schemas.errors import InfraError
from suites.locator import parse_locator


def provide(source: Source, _store: Store, _force: bool) -> pathlib.Path:
    """The absolute path; a relative one starts at the current folder.

    Raises InfraError where there is no such file, and where it is not the one whose checksum the matrix has.
    """
    locator = parse_locator(source.locator)
    path = pathlib.Path(locator.path if locator else source.locator).absolute()
    if not path.is_file():
        raise InfraError(f"there is no file {path}", "mend the path in the manifest, or put the model there")
    if source.sha256 is not None and (found := sha256_of(path)) != source.sha256:
        raise InfraError(
            f"{path} has the SHA-256 {found}, and had {source.sha256} when the manifests were read",
            "start again: the file was changed in between",
        )
    return path

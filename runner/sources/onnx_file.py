"""A path that a manifest names becomes that file, once it is known to be there and to be the one that was meant."""

from __future__ import annotations

import pathlib

from runner.store import Store, sha256_of
from schemas.case import Source
from schemas.errors import InfraError


def provide(source: Source, _store: Store, _force: bool) -> pathlib.Path:
    """The absolute path; a relative one starts at the current folder. Raises InfraError when absent or another file."""
    path = pathlib.Path(source.locator).absolute()
    if not path.is_file():
        raise InfraError(f"there is no file {path}", "mend the path in the manifest, or put the model there")
    if source.sha256 is not None and (found := sha256_of(path)) != source.sha256:
        raise InfraError(
            f"{path} has the SHA-256 {found}, the manifest says {source.sha256}",
            "put the right file there, or mend sha256 in the manifest",
        )
    return path

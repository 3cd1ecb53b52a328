"""What a definition of an imported suite names, or the definition itself, becomes its path on this machine."""

from __future__ import annotations

import os
import pathlib

from runner.store import Store
from schemas.case import Source
from schemas.errors import InfraError

_POINTER = b"version https://git-lfs"


def provide(source: Source, _store: Store, _force: bool) -> pathlib.Path:
    """The absolute path of a file or folder; raises InfraError where it is absent, or was left out of a checkout."""
    path = pathlib.Path(os.path.abspath(source.locator))  # noqa: PTH100 - resolve() would follow links
    if path.is_dir():
        return path
    if not path.is_file():
        raise InfraError(
            f"there is no file {path}",
            "fetch the suite's files, or mend the path in the definition or `external-file-directory:` in the manifest",
        )
    refuse_pointer(path)
    return path


def refuse_pointer(path: pathlib.Path) -> None:
    """Raise InfraError for a file that Git LFS has not fetched."""
    with path.open("rb") as file:
        if file.read(len(_POINTER)) == _POINTER:
            raise InfraError(f"{path} is what Git LFS leaves in place of the file", "run `git lfs pull` there")

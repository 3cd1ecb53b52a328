"""The store: the one folder where made and downloaded models, and what is known about tools, are kept between runs."""

from __future__ import annotations

import os
import pathlib

from filelock import FileLock

from suites.digest import sha256_of

__all__ = ["STORE_VARIABLE", "Store", "default_store", "sha256_of"]

#: Names another folder than the user's cache; CI points it at what its cache action keeps.
STORE_VARIABLE = "E2ESHARD_STORE"


class Store:
    """A folder shared by all runs of a user. Whoever makes something in it holds its lock and renames it into place."""

    def __init__(self, root: pathlib.Path) -> None:
        self.root = root

    def lock(self, name: str) -> FileLock:
        """The lock of the thing called ``name``; blocks other runners of this machine, dies with its process."""
        folder = self.root / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        return FileLock(folder / f"{name}.lock")


def default_store() -> Store:
    """The folder that ``E2ESHARD_STORE`` names, else the user's cache folder (platformdirs)."""
    named = os.environ.get(STORE_VARIABLE)
    if named:
        return Store(pathlib.Path(named).expanduser().absolute())
    from platformdirs import user_cache_dir  # noqa: PLC0415 - rarely needed where CI names the store

    return Store(pathlib.Path(user_cache_dir("e2eshard")))

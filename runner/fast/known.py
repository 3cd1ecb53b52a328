"""A model's content, a compiler and flags become where its compiled entry point lies since an earlier run, or nothing.

``<store>/joined/<xx>/<key>.json`` names an entry point and the file of a module that holds it,
``<store>/joined/modules/<sha256>.vmfb``. Both are whole or not there; a module that is not what its name says is none.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import os
import pathlib
from collections.abc import Collection, Mapping, Sequence

import msgspec

from runner.cache import keys
from runner.cache.hashes import TooManyFilesError
from runner.cache.inventory import JOINED
from runner.protocol import Caching
from schemas.codec import decode, encode

#: Counts up when the same model would be joined, named or kept in another way.
FORMAT = 1


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a case's entry point lies: the SHA-256 of the module, the function, its results' MLIR element types."""

    module: str
    function: str
    results: tuple[str, ...]
    modules: int = 1  # how many were compiled in one run


class Keys:
    """The keys of the cases of one family, by their models."""

    def __init__(
        self, caching: Caching, flags: Sequence[str], environment: Mapping[str, str], model: pathlib.Path
    ) -> None:
        """Raises OSError and TooManyFilesError where a file that a flag names cannot be read."""
        self._ingredients = keys.ingredients(
            flags,
            model,
            build=caching.build,
            host=caching.host,
            environment=environment,
            store=pathlib.Path(caching.store),
            keeps=f"joined {FORMAT}, onnx {importlib.metadata.version('onnx')}",
        )

    def of(self, model: pathlib.Path) -> str:
        """The key of one model; raises OSError where it cannot be read."""
        digest = hashlib.sha256(model.read_bytes()).hexdigest()
        return keys.key_of(msgspec.structs.replace(self._ingredients, module=digest))


def keys_for(
    caching: Caching, flags: Sequence[str], environment: Mapping[str, str], model: pathlib.Path
) -> Keys | None:
    """The keys of a family; None where its flags write files, or name what cannot be read."""
    if keys.writes_files(flags):
        return None
    try:
        return Keys(caching, flags, environment, model)
    except (OSError, TooManyFilesError):
        return None


class Known:
    """What is kept of joined modules in one store."""

    def __init__(self, store: pathlib.Path) -> None:
        self.folder = store / JOINED

    def find(self, key: str) -> Place | None:
        """Where the entry point of ``key`` lies; what is found counts as used."""
        path = self._path(key)
        try:
            place = decode(path.read_bytes(), Place)
            os.utime(self.module(place.module))
            os.utime(path)
        except (OSError, msgspec.MsgspecError):
            return None
        return place

    def keep(self, key: str, place: Place) -> None:
        """Say where the entry point of ``key`` lies; raises OSError."""
        _write(self._path(key), encode(place))

    def keep_module(self, data: bytes) -> str:
        """Keep a module; its SHA-256. Raises OSError."""
        digest = hashlib.sha256(data).hexdigest()
        _write(self.module(digest), data)
        return digest

    def module(self, digest: str) -> pathlib.Path:
        """Where a module lies."""
        return self.folder / "modules" / f"{digest}.vmfb"

    def read(self, path: pathlib.Path) -> bytes:
        """A module's bytes; raises OSError, also where they are not what the file's name says."""
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != path.stem:
            path.unlink(missing_ok=True)
            raise OSError(f"{path} is damaged")
        return data

    def alone(self, name: str) -> frozenset[str]:
        """The ids of cases that did not pass with others when last tried; ``name`` says of which shard or target."""
        try:
            return frozenset(decode((self.folder / "alone" / f"{name}.json").read_bytes(), tuple[str, ...]))
        except (OSError, msgspec.MsgspecError):
            return frozenset()

    def remember_alone(self, name: str, ids: Collection[str]) -> None:
        """Keep them for the next run; a store that cannot be written makes that one slow, not wrong."""
        with contextlib.suppress(OSError):
            _write(self.folder / "alone" / f"{name}.json", encode(tuple(sorted(ids))))

    def _path(self, key: str) -> pathlib.Path:
        return self.folder / key[:2] / f"{key[2:]}.json"


def _write(path: pathlib.Path, data: bytes) -> None:
    scratch = path.with_name(f".{path.name}.{os.urandom(6).hex()}.tmp")
    try:
        scratch.write_bytes(data)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch.write_bytes(data)
    scratch.replace(path)

"""A model's content, a compiler and flags become what an earlier run made of them, or nothing.

``<store>/joined/<xx>/<key>.json`` names an entry point and the file of a module that holds it,
``<store>/joined/modules/<sha256>.vmfb``; or it says how the model was refused. Beside a module are the inputs of its
functions that run several cases at once. Files are whole or not there; a module that is not what its name says is none.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Self, cast

import msgspec

from runner.cache import keys
from runner.cache.compiled import may_be_of_the_machine
from runner.cache.hashes import TooManyFilesError
from runner.cache.inventory import JOINED
from runner.protocol import Caching, Companion, Failed, Finished
from schemas.codec import decode, encode
from schemas.record import ErrorInfo, StageResult
from schemas.words import MODULES_COMPILED, MODULES_FROM_CACHE, Stage, StageStatus

#: Counts up when the same model would be joined, named or kept in another way.
FORMAT = 3
#: The stages that depend on nothing but what the key stands for.
BEFORE = (Stage.IMPORT_MODEL, Stage.PREPROCESS_MODEL, Stage.COMPILATION)


class Place(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="place"):
    """Where a case's entry point lies: the SHA-256 of the module, the function, its results' MLIR element types."""

    module: str
    function: str
    results: tuple[str, ...]
    modules: int = 1  # how many were compiled in one run
    company: tuple[Companion, ...] = ()  # all that the function is called with, in its order; none: itself alone


class Refusal(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="refusal"):
    """How a model failed before there was a compiled module: the stages it came to, and what its process said."""

    stages: tuple[StageResult, ...]
    error: ErrorInfo
    last_word: Finished

    @classmethod
    def of(cls, failed: Failed) -> Self | None:
        """What can be kept of a failure: one of the model's own, that the same model will meet with again."""
        last = failed.stages[-1]
        said = f"{failed.error.signature}\n{failed.error.excerpt}"
        if last.status is not StageStatus.FAIL or last.stage not in BEFORE or may_be_of_the_machine(said):
            return None
        stages = tuple(StageResult(stage=each.stage, status=each.status) for each in failed.stages)
        return cls(stages=stages, error=failed.error, last_word=failed.last_word)

    def told(self, member: int) -> Failed:
        """The failure again; nothing was compiled for it."""
        metrics = self.last_word.metrics
        if MODULES_COMPILED in metrics:
            metrics = metrics | {MODULES_COMPILED: 0.0, MODULES_FROM_CACHE: 1.0}
        last_word = msgspec.structs.replace(self.last_word, metrics=metrics)
        return Failed(member=member, stages=self.stages, error=self.error, last_word=last_word)


class Noted(msgspec.Struct, frozen=True, kw_only=True):
    """What a batch has found out of a case, and under which key of model and compiler."""

    key: str
    note: str


class Alone(msgspec.Struct, frozen=True, kw_only=True):
    """What the next run need not try with others: the marks of cases that fail, and by id, under which key, others.

    The others passed only alone when they were last tried. They are tried again with another compiler or model.
    ``notes``: by id, what the records of either shall say as long as they go alone.
    """

    failed: frozenset[str] = frozenset()
    left: dict[str, str] = {}
    notes: dict[str, Noted] = {}


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
        return keys.key_of(msgspec.structs.replace(self._ingredients, module=digest, name=model.name))


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


_DECODER = msgspec.json.Decoder(Place | Refusal)


class Known:
    """What is kept of joined modules in one store."""

    def __init__(self, store: pathlib.Path) -> None:
        self.folder = store / JOINED

    def find(self, key: str) -> Place | Refusal | None:
        """Where the entry point of ``key`` lies, or how it was refused; what is found counts as used."""
        path = self._path(key)
        try:
            found = _DECODER.decode(path.read_bytes())
            if isinstance(found, Place):
                os.utime(self.module(found.module))
                if found.company:
                    os.utime(self.inputs(self.module(found.module), found.function))
            os.utime(path)
        except (OSError, msgspec.MsgspecError):
            return None
        return cast("Place | Refusal", found)

    def keep(self, key: str, what: Place | Refusal) -> None:
        """Say where the entry point of ``key`` lies, or how it was refused; raises OSError."""
        _write(self._path(key), encode(what))

    def keep_module(self, data: bytes) -> str:
        """Keep a module; its SHA-256. Raises OSError."""
        digest = hashlib.sha256(data).hexdigest()
        _write(self.module(digest), data)
        return digest

    def module(self, digest: str) -> pathlib.Path:
        """Where a module lies."""
        return self.folder / "modules" / f"{digest}.vmfb"

    def inputs(self, module: pathlib.Path, function: str) -> pathlib.Path:
        """Where the inputs lie with which a function of a module that runs several cases was called."""
        return module.with_name(f"{module.stem}.{function}.npz")

    def keep_inputs(self, digest: str, function: str, data: bytes) -> None:
        """Keep them; raises OSError."""
        _write(self.inputs(self.module(digest), function), data)

    def read(self, path: pathlib.Path) -> bytes:
        """A module's bytes; raises OSError, also where they are not what the file's name says."""
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != path.stem:
            path.unlink(missing_ok=True)
            raise OSError(f"{path} is damaged")
        return data

    def alone(self, name: str) -> Alone:
        """The cases that are not to be tried with others; ``name`` says of which shard or target."""
        try:
            return decode((self.folder / "alone" / f"{name}.json").read_bytes(), Alone)
        except (OSError, msgspec.MsgspecError):
            return Alone()

    def remember_alone(self, name: str, alone: Alone) -> None:
        """Keep them for the next run; a store that cannot be written makes that one slow, not wrong."""
        with contextlib.suppress(OSError):
            _write(self.folder / "alone" / f"{name}.json", encode(alone))

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

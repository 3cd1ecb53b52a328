"""A module's parameters and a seed become archives in the store, one a scope, made once for all runs of a machine."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum

import msgspec

from runner.cache.inventory import PARAMETERS, RECEIPT
from runner.cache.room import Room
from runner.parameters import archive
from runner.parameters.elements import Parameter
from runner.parameters.values import FORMAT, random_blocks, splat_pattern
from runner.store import Store
from schemas.codec import decode, encode, encode_canonical
from schemas.errors import InfraError, UsageError


class Kind(StrEnum):
    """What an archive is filled with."""

    RANDOM = "random"
    SPLAT = "splat"


class Filling(msgspec.Struct, frozen=True, kw_only=True):
    """What the parameters are to be: random numbers of a seed, or one value."""

    kind: Kind = Kind.RANDOM
    seed: int = 0
    value: float = 0.0


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What a whole archive looks like; its own modification time is when it was used last."""

    size: int
    modified: int
    sha256: str


def archives_for(
    wanted: Sequence[Parameter],
    store: Store,
    room: Room,
    filling: Filling,
    *,
    force: bool = False,
) -> dict[str, pathlib.Path]:
    """An archive for each scope of ``wanted``, by scope.

    Equal parameters and filling have equal bytes on every machine. The files are the store's: read them, or link
    them into a folder of your own; while a run that began earlier lives (``Room.in_use``) they stay. Raises InfraError
    where there is no room for one, UsageError for a splat value that a parameter's type does not have.
    """
    found = {}
    for scope in sorted({each.scope for each in wanted}):
        chosen = sorted(each for each in wanted if each.scope == scope)
        about = (FORMAT, filling.kind, filling.seed if filling.kind is Kind.RANDOM else filling.value, chosen)
        key = hashlib.sha256(encode_canonical(about)).hexdigest()
        found[scope] = stored(key, functools.partial(_write, chosen, filling), store, room, force=force)
    return found


def parameter_flags(files: Mapping[str, pathlib.Path]) -> tuple[str, ...]:
    """The runtime's flags for files by scope; one file may stand under several scopes, and an empty scope is none."""
    return tuple(f"--parameters={scope}={path}" if scope else f"--parameters={path}" for scope, path in files.items())


def stored(
    key: str, write: Callable[[pathlib.Path], str], store: Store, room: Room, *, force: bool = False
) -> pathlib.Path:
    """The archive ``key`` of the store; ``write`` makes it and gives its SHA-256 where it is not there, or not whole.

    Raises InfraError where it cannot be written.
    """
    path = store.root / PARAMETERS / key[:2] / f"{key[2:]}.irpa"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with store.lock(f"parameters-{key[:3]}"):
            if not force and _is_whole(path):
                os.utime(path.with_suffix(RECEIPT))
                return path
            size = _make(path, write)
    except OSError as error:
        raise InfraError(
            f"{path}: {error.strerror or error}",
            f"make room in {store.root}, or name another folder with E2ESHARD_STORE",
        ) from error
    room.grew(size)
    return path


def _make(path: pathlib.Path, write: Callable[[pathlib.Path], str]) -> int:
    scratch = path.with_name(f".{path.name}.{os.urandom(6).hex()}.tmp")
    try:
        digest = write(scratch)
        scratch.chmod(0o444)
        state = scratch.stat()
        path.with_suffix(RECEIPT).unlink(missing_ok=True)  # that of what is replaced now
        scratch.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            scratch.unlink(missing_ok=True)
        raise
    receipt = Receipt(size=state.st_size, modified=state.st_mtime_ns, sha256=digest)
    note = path.with_name(f".{path.name}.{os.urandom(6).hex()}.tmp")
    note.write_bytes(encode(receipt))
    note.replace(path.with_suffix(RECEIPT))
    return state.st_blocks * 512


def _is_whole(path: pathlib.Path) -> bool:
    try:
        receipt = decode(path.with_suffix(RECEIPT).read_bytes(), Receipt)
        state = path.stat()
    except (OSError, msgspec.MsgspecError):
        return False
    return (receipt.size, receipt.modified) == (state.st_size, state.st_mtime_ns)


def _write(wanted: Sequence[Parameter], filling: Filling, path: pathlib.Path) -> str:
    return archive.write_archive(path, [_entry(each, filling) for each in wanted])


def _entry(wanted: Parameter, filling: Filling) -> archive.Data | archive.Splat:
    if filling.kind is Kind.RANDOM:
        return archive.Data(wanted.key, wanted.length, random_blocks(wanted, filling.seed))
    try:
        return archive.Splat(wanted.key, wanted.length, splat_pattern(wanted, filling.value))
    except ValueError as error:
        what = f"parameter {wanted.scope}::{wanted.key} cannot be {filling.value:g} everywhere: {error}"
        raise UsageError(what, "give another splat value, or random weights") from error

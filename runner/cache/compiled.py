"""A compiler, flags and a module become the module that they gave before, or the failure that they ended with."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Self

import msgspec

from runner.cache import entries, keys
from runner.cache.hashes import TooManyFilesError, hash_of
from runner.cache.inventory import MODULES
from runner.cache.room import Room, limit_from
from runner.protocol import Caching, Toolchain
from runner.store import Store

#: An entry may hold so many bytes of what the compiler said and wrote beside the module.
LARGEST_REST = 4 << 20
#: Words of a failure that is the machine's and may be gone tomorrow.
_OF_THE_MACHINE = re.compile(
    r"No such file or directory|Permission denied|Too many open files|temporarily unavailable|Input/output error"
    r"|Read-only file system|Text file busy|cannot open shared object|Cannot allocate memory|bad_alloc|out of memory"
    r"|No space left|quota exceeded|failed to (?:execute|launch|start)|could not (?:find|execute)|timed out"
    r"|[Cc]onnection|Interrupted system call",
)


def may_be_of_the_machine(said: str) -> bool:
    """Whether what a compiler or an importer said may be the machine's doing, and gone tomorrow."""
    return _OF_THE_MACHINE.search(said) is not None


class Uncacheable(Exception):  # noqa: N818 - no error: this compilation has to be run, and that is all
    """What was asked of the compiler cannot be answered from an entry."""


class CompileCache:
    """The compiled modules and the failures of one store; any number of processes may use it at a time."""

    def __init__(self, caching: Caching, environment: Mapping[str, str] | None = None) -> None:
        self._caching = caching
        self._root = pathlib.Path(caching.store)
        self._environment = os.environ if environment is None else environment
        self._room = Room(Store(self._root), caching.limit)

    @classmethod
    def open(cls, store: Store, toolchain: Toolchain) -> Self:
        """The cache of what this toolchain's compiler makes on this machine; raises OSError without its library."""
        return cls(caching_of(store, toolchain))

    def keys_of(
        self, flags: Sequence[str], module: pathlib.Path, keeps: str = "", nameless: bytes = b""
    ) -> tuple[str, str]:
        """The key of compiling ``module`` with ``flags``; with ``keeps``, that of an entry that holds more beside it.

        The second is that of all modules whose text is ``nameless`` without the name of their entry point; empty where
        there is no such text. Raises Uncacheable where the compiler would write files that no entry holds, or a file
        cannot be read.
        """
        found = self._ingredients(flags, module, keeps)
        if not nameless:
            return keys.key_of(found), ""
        digest = hashlib.sha256(nameless).hexdigest()
        common = msgspec.structs.replace(found, module=digest, keeps=f"{keeps} whatever it is called")
        return keys.key_of(found), keys.key_of(common)

    def _ingredients(self, flags: Sequence[str], module: pathlib.Path, keeps: str) -> keys.Ingredients:
        if keys.writes_files(flags):
            raise Uncacheable
        try:
            return keys.ingredients(
                flags,
                module,
                build=self._caching.build,
                host=self._caching.host,
                environment=self._environment,
                store=self._root,
                keeps=keeps,
            )
        except (OSError, TooManyFilesError) as error:
            raise Uncacheable from error

    def find(self, key: str, module: pathlib.Path) -> entries.Hit | entries.Failure | None:
        """What is known; the compiled module is then at ``module``, a file of its own.

        Raises OSError where that cannot be written.
        """
        return entries.read(self._path(key), key, module)

    def keep_module(self, key: str, entry: entries.Hit, module: pathlib.Path) -> bool:
        """Keep a compiled module; whether it was."""
        return self._keep(key, entry, module)

    def keep_failure(self, key: str, entry: entries.Failure) -> bool:
        """Keep a failure; whether it was: not one that may be the machine's."""
        if entry.exit_code <= 0 or may_be_of_the_machine(entry.said):
            return False
        return self._keep(key, entry, None)

    def forget(self, key: str) -> None:
        """Remove what is known; what cannot be removed stays."""
        with contextlib.suppress(OSError):
            self._path(key).unlink(missing_ok=True)

    def _keep(self, key: str, entry: entries.Hit | entries.Failure, module: pathlib.Path | None) -> bool:
        rest = len(entry.said) + len(entry.statistics) + sum(map(len, entry.extras.values()))
        size = rest + (module.stat().st_size if module is not None else 0)
        if rest > LARGEST_REST or size > self._caching.limit:
            return False
        try:
            written = entries.write(self._path(key), key, entry, module)
        except OSError:  # a full or read-only store: the case has what it wanted all the same
            return False
        self._room.grew(written)
        return True

    def _path(self, key: str) -> pathlib.Path:
        return self._root / MODULES / key[:2] / f"{key[2:]}{entries.SUFFIX}"


def caching_of(store: Store, toolchain: Toolchain, *, force: bool = False) -> Caching:
    """What a case's process needs to know.

    Raises OSError where the compiler's library cannot be read, UsageError for a limit that is no size.
    """
    from runner.provenance import host_digest  # noqa: PLC0415 - reads /proc; a case's process is told the result

    return Caching(
        store=str(store.root),
        build=hash_of(pathlib.Path(toolchain.library), store.root),
        host=host_digest(),
        limit=limit_from(os.environ),
        force=force,
    )

"""What lies in the store becomes less of it: the least recently used goes when there is more than its limit.

Whoever writes something adds its size to one number. When that is above the limit, everything is counted and removed
down to nine tenths of it, but nothing that a living run has used.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pathlib
import shutil
import time
from collections.abc import Iterable, Iterator

import msgspec

from runner.cache.hashes import forget_gone
from runner.cache.inventory import SCRATCH_FOLDERS, Item, items
from runner.store import Store
from schemas.codec import decode, encode
from schemas.errors import UsageError
from suites.units import parse_size

LIMIT_VARIABLE = "E2ESHARD_STORE_LIMIT"
_DEFAULT_LIMIT = 20 << 30
#: What is left after an eviction, so that the next one is not due at once.
_KEPT = 0.9
#: Seconds after which a file that was never finished belongs to nobody.
_ABANDONED = 3600.0
_RUNS = "runs"
_USAGE = "usage.json"


class _Usage(msgspec.Struct, frozen=True):
    bytes: int


def limit_from(environment: dict[str, str] | os._Environ[str]) -> int:
    """Bytes that ``E2ESHARD_STORE_LIMIT`` allows, 20 GiB where it says nothing; 0: nothing is kept.

    Raises UsageError.
    """
    text = environment.get(LIMIT_VARIABLE, "").strip()
    if not text:
        return _DEFAULT_LIMIT
    size = 0 if text == "0" else parse_size(text)
    if size is None:
        raise UsageError(f"{LIMIT_VARIABLE}={text}: not a size", "write a number and a unit, 512MiB or 20GiB, or 0")
    return size


class Room:
    """The room that a store may take."""

    def __init__(self, store: Store, limit: int) -> None:
        self._store = store
        self._limit = limit

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """While this lasts, nothing is removed that was used since it began. Ends with the process in any case."""
        with contextlib.ExitStack() as stack:
            try:
                folder = self._store.root / _RUNS
                folder.mkdir(parents=True, exist_ok=True)
                path = folder / f"{os.urandom(8).hex()}.run"
                file = stack.enter_context(path.open("xb"))
                fcntl.flock(file, fcntl.LOCK_SH)
                stack.callback(path.unlink, missing_ok=True)
            except OSError:  # a store that cannot be written: nobody can remove anything there either
                yield
                return
            yield

    def grew(self, size: int) -> None:
        """``size`` bytes were written. Removes what is too much; a store that cannot be written is left as it is."""
        with contextlib.suppress(OSError), self._store.lock("usage"):
            used = self._known()
            used = used + size if used is not None else sum(each.size for each in items(self._store.root))
            if used > self._limit:
                used = self._evict()
            self._remember(used)

    def trim(self) -> int:
        """Count everything, and remove what is too much; bytes that are left. Raises OSError."""
        with self._store.lock("usage"):
            used = self._evict()
            self._remember(used)
        return used

    def _evict(self) -> int:
        found = sorted(items(self._store.root), key=lambda each: each.used)
        total = sum(each.size for each in found)
        self._sweep()
        if total <= self._limit:
            return total
        since = self._oldest_run()
        for item in found:
            if total <= self._limit * _KEPT:
                break
            if not item.fixed and item.used < since and self._remove(item):
                total -= item.size
        return total

    def _remove(self, item: Item) -> bool:
        """Under the lock of whoever makes such a thing, where there is one; not while it is held."""
        if not item.lock:
            return _removed(item.paths)
        lock = self._store.lock(item.lock)
        with contextlib.suppress(TimeoutError), lock.acquire(timeout=0):
            return _removed(item.paths)
        return False

    def _oldest_run(self) -> float:
        """When the oldest living run began; infinity without one. Marks of the dead go."""
        oldest = float("inf")
        for path in (self._store.root / _RUNS).glob("*.run"):
            with contextlib.suppress(OSError), path.open("rb") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    oldest = min(oldest, path.stat().st_mtime)
                else:
                    path.unlink(missing_ok=True)
        return oldest

    def _sweep(self) -> None:
        """Remove what killed processes did not finish."""
        before = time.time() - _ABANDONED
        forget_gone(self._store.root)
        for folder in SCRATCH_FOLDERS:
            for path in (self._store.root / folder).rglob(".*.tmp"):
                with contextlib.suppress(OSError):
                    if path.stat().st_mtime < before:
                        path.unlink()

    def _known(self) -> int | None:
        try:
            return decode((self._store.root / _USAGE).read_bytes(), _Usage).bytes
        except (OSError, msgspec.MsgspecError):
            return None

    def _remember(self, used: int) -> None:
        scratch = self._store.root / f".{_USAGE}.{os.urandom(6).hex()}.tmp"
        scratch.write_bytes(encode(_Usage(used)))
        scratch.replace(self._store.root / _USAGE)


def _removed(paths: Iterable[pathlib.Path]) -> bool:
    try:
        for path in paths:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
    except OSError:
        return False
    return True

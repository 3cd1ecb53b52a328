"""Results of operations that were run before become those of the same operations in other cases, shards and runs.

What an operation, the compiler, its flags and the device are is in the name of an entry; how strictly its outputs were
judged is in the entry, so that another tolerance takes over what it can.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pathlib
from collections.abc import Iterable, Iterator

import msgspec
from filelock import Timeout

from runner.backends import compile_flags
from runner.backends.tuning import tuning_flags
from runner.compare.tolerances import bound
from runner.ops.alone import Wish
from runner.ops.messages import VERIFY
from runner.store import Store
from schemas.case import Case, Checks, Tolerance
from schemas.codec import decode, encode, encode_canonical
from schemas.ops import OpResult
from schemas.opwords import OpStatus
from schemas.record import OutputComparison, Provenance
from schemas.target import Target
from schemas.words import StageStatus

#: Raised when entries of before would be misread, or were wrong.
_FORMAT = 1
_FOLDER = "ops"
#: What is left of an ending that may be the machine's is for this run alone.
_SHARED = (StageStatus.PASS, StageStatus.FAIL)
#: A lock for each value of so many hexadecimal digits of a name: one for each operation would leave files without end.
_STRIPE = 3
#: Tools that change no operation's result.
_IRRELEVANT = ("e2eshard",)


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """A result, how far it was to go, and what was accepted of its outputs."""

    result: OpResult
    executes: bool
    verifies: bool
    tolerance: Tolerance
    checks: Checks


class OpStore:
    """Where one case's results come from and go to. ``run`` is a folder of this run alone, ``store`` outlives it."""

    def __init__(self, store: Store, run: pathlib.Path, identity: str, case: Case, wish: Wish) -> None:
        self._store = store
        self._folders = (run, store.root / _FOLDER)
        self._identity = identity
        self._case = case
        self._wish = wish
        self.trouble = ""  # why entries could not be written

    @contextlib.contextmanager
    def claimed(self, digest: str) -> Iterator[None]:
        """Hold the operation: whoever else wants it waits, and finds its result afterwards."""
        name = f"op-{self._name(digest)[:_STRIPE]}"
        try:
            lock = self._store.lock(name)
            lock.acquire()
        except OSError as error:  # a store that cannot be written: nothing is shared, and everything runs
            self.trouble = error.strerror or str(error)
            yield
            return
        try:
            yield
        finally:
            lock.release()

    @contextlib.contextmanager
    def claimed_at_once(self, digests: Iterable[str]) -> Iterator[tuple[str, ...]]:
        """Hold those of the operations that nobody holds now, in the order given.

        It never waits: whoever waits for one with others in hand may be waited for in turn.
        """
        mine: list[str] = []
        with contextlib.ExitStack() as held:
            names: set[str] = set()
            for digest in digests:
                name = f"op-{self._name(digest)[:_STRIPE]}"
                if name not in names and not self._acquired(name, held):
                    continue
                names.add(name)
                mine.append(digest)
            yield tuple(mine)

    def _acquired(self, name: str, held: contextlib.ExitStack) -> bool:
        try:
            lock = self._store.lock(name)
            lock.acquire(blocking=False)
        except Timeout:
            return False
        except OSError as error:
            self.trouble = error.strerror or str(error)
            return True
        held.callback(lock.release)
        return True

    def find(self, digest: str) -> OpResult | None:
        """The operation's result as this case would have come to it; None where nobody has, or none that decides."""
        for folder in self._folders:
            place = self._place(folder, digest)
            names = sorted(place.glob("*.json"), key=lambda each: (each.stem != self._variant(), each.name))
            for file in names:
                stored = _read(file)
                result = None if stored is None else fitting(stored, self._case, self._wish)
                if result is not None:
                    return msgspec.structs.replace(result, reused=True, bundle="", reproduce="")
        return None

    def keep(self, result: OpResult) -> None:
        """Put a result where others find it."""
        stored = Stored(
            result=result,
            executes=self._wish.executes,
            verifies=self._wish.verifies,
            tolerance=self._case.accepted,
            checks=self._case.checks,
        )
        run, store = self._folders
        if result.outcome not in _SHARED or not self._write(self._place(store, result.digest), stored):
            self._write(self._place(run, result.digest), stored)

    def _write(self, place: pathlib.Path, stored: Stored) -> bool:
        try:
            place.mkdir(parents=True, exist_ok=True)
            scratch = place / f"{self._variant()}.{os.getpid()}.tmp"
            scratch.write_bytes(encode(stored))
            scratch.replace(place / f"{self._variant()}.json")
        except OSError as error:
            self.trouble = error.strerror or str(error)
            return False
        return True

    def _place(self, folder: pathlib.Path, digest: str) -> pathlib.Path:
        name = self._name(digest)
        return folder / name[:2] / name[2:]

    def _name(self, digest: str) -> str:
        return hashlib.sha256(f"{self._identity}:{digest}".encode()).hexdigest()

    def _variant(self) -> str:
        how = encode_canonical((self._wish, self._case.accepted, self._case.checks))
        return hashlib.sha256(how).hexdigest()[:8]


def identity_of(case: Case, target: Target, made: Provenance) -> str:
    """All but the operation itself that its result depends on: tools, flags, device, and the host it compiles for."""
    flags = compile_flags(target, case.compile_flags, tuning_flags(case.tuning, None))
    host = made.host.features if any(flag.endswith("=host") for flag in flags) else ()
    tools = tuple(each for each in made.tools if each.name not in _IRRELEVANT)
    about = (_FORMAT, tools, made.device, host, flags, case.run_flags, case.import_flags, case.lowering)
    environment = (target.environment, case.environment)
    return hashlib.sha256(encode_canonical((about, environment))).hexdigest()


def fitting(stored: Stored, case: Case, wish: Wish) -> OpResult | None:
    """What a stored result is for a case that goes so far and accepts so much; None where it has to be run again."""
    result = stored.result
    if not wish.executes:
        return _compiled(result)
    if result.status is not OpStatus.EXECUTED:
        return None if result.status is OpStatus.COMPILED and not stored.executes else result
    if wish.profiles and result.profile is None:
        return None
    if not wish.verifies:
        failed = result.stopped not in ("", VERIFY)
        return result if failed else _unverified(result)
    return result if stored.verifies and _alike(stored, case) else None


def _compiled(result: OpResult) -> OpResult:
    if result.status < OpStatus.COMPILED:
        return result
    return msgspec.structs.replace(_unverified(result), status=OpStatus.COMPILED)


def _unverified(result: OpResult) -> OpResult:
    return msgspec.structs.replace(
        result, verified=None, comparisons=(), error=None, outcome=StageStatus.PASS, stopped=""
    )


def _alike(stored: Stored, case: Case) -> bool:
    """Whether its outputs are judged alike here; by another measure only what was right can be, as the figures tell."""
    if stored.checks != case.checks:
        return False
    if stored.tolerance == case.accepted:
        return True
    return bool(stored.result.verified) and all(_within(each, case.accepted) for each in stored.result.comparisons)


def _within(measured: OutputComparison, tolerance: Tolerance) -> bool:
    accepted = bound(measured.dtype, tolerance)
    if accepted.relative is None:
        near = measured.max_abs is not None and measured.max_abs <= accepted.atol
    else:
        near = measured.relative_atol is not None and measured.relative_atol <= accepted.relative
    exact = measured.max_abs == 0
    alike = tolerance.pcc is None or measured.pcc is None or measured.pcc >= tolerance.pcc
    return (near or exact) and alike


def _read(file: pathlib.Path) -> Stored | None:
    try:
        return decode(file.read_bytes(), Stored)
    except (OSError, msgspec.MsgspecError):
        return None

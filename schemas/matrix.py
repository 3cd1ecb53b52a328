"""A matrix: all shards of a suite, per target. Generated, committed, and checked by the runner before it starts."""

from __future__ import annotations

import hashlib

import msgspec

from schemas.case import Case
from schemas.codec import encode_canonical
from schemas.target import Container
from schemas.words import Extra

MATRIX_SCHEMA = "e2eshard.matrix/1"
SELECTION_SCHEMA = "e2eshard.selection/1"


class ShardPlan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The cases of one CI job. ``cases`` holds keys (ids without ``suite/target/``), sorted."""

    shard: int
    minutes: float  # expected job minutes, set-up included
    setup_minutes: float = 0.0  # of these, those of the set-up
    extras: tuple[Extra, ...] = ()  # what its set-up installs beside the base
    build_minutes: float = 0.0  # expected of the job that builds it, where another target's machine does
    cases: tuple[str, ...]


class BuildPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Where the shards of a target are built that only runs them; ``whole`` are the cases that it runs as a whole."""

    target: str
    runs_on: tuple[str, ...]
    timeout_minutes: int
    whole: dict[str, str]  # case key -> why


class TargetPlan(msgspec.Struct, frozen=True, kw_only=True):
    """All shards of one target, with what GitHub needs to start them."""

    target: str
    digest: str  # of the cases' definitions; the shard handshake
    runs_on: tuple[str, ...]
    timeout_minutes: int
    container: Container | None = None
    exclusive_device: bool = False
    hosted: bool = True
    build: BuildPlan | None = None
    shards: tuple[ShardPlan, ...]


class MatrixSource(msgspec.Struct, frozen=True):
    """The manifest a matrix was made from."""

    file: str
    sha256: str


class Matrix(msgspec.Struct, frozen=True, kw_only=True):
    """``.github/matrices/<suite>.json``."""

    schema: str = MATRIX_SCHEMA
    generated: str = ""  # what a reader of the file should know: its source, and the command that remakes it
    suite: str
    depth: str
    source: MatrixSource
    targets: tuple[TargetPlan, ...]

    def target(self, name: str) -> TargetPlan | None:
        """The plan of one target, or None."""
        return next((t for t in self.targets if t.target == name), None)


class SelectedShard(msgspec.Struct, frozen=True, kw_only=True):
    """One shard of a dispatched run, with the keys that were chosen of it."""

    target: str
    shard: int
    cases: tuple[str, ...]


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """What a run was asked to do; saved by ``generator select`` and handed to ``results merge``."""

    schema: str = SELECTION_SCHEMA
    suite: str
    targets: tuple[str, ...]
    tests: str = ""  # regular expression over case ids
    depth: str = ""  # override; empty: the suite's own
    compiler_version: str = ""
    force_recompile: bool = False
    partial: bool  # False: every shard of the matrix was chosen whole
    shards: tuple[SelectedShard, ...]


def cases_digest(cases: tuple[Case, ...]) -> str:
    """SHA-256 over what is run (every setting of every case, sorted by id), not over what is expected of it.

    Expectations are left out so that refreshing them never makes a matrix stale.
    """
    h = hashlib.sha256()
    for case in sorted(cases, key=lambda c: c.id):
        h.update(encode_canonical(msgspec.structs.replace(case, expectation=None)))
        h.update(b"\n")
    return h.hexdigest()

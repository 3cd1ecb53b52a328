"""Turns matrices, and a selection where one was dispatched, into the cases that a run owes a record for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from schemas.case import case_id
from schemas.errors import UsageError
from schemas.matrix import Matrix, Selection
from schemas.words import Depth, Lowering, Mode, Path


class PlannedShard(msgspec.Struct, frozen=True, kw_only=True):
    """One shard that was asked for. ``digest`` is what its journal must carry.

    ``as_planned``: whole, and to the suite's own depth, so that ``minutes`` are what it should take.
    """

    suite: str
    target: str
    shard: int
    digest: str
    depth: Depth
    minutes: float = 0.0  # of its job, ``setup_minutes`` included
    setup_minutes: float = 0.0
    as_planned: bool = True

    @property
    def id(self) -> str:
        """``suite/target/N``."""
        return f"{self.suite}/{self.target}/{self.shard}"


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a run owes: every case id with its shard, and the digest of every suite and target."""

    cases: Mapping[str, PlannedShard]
    digests: Mapping[tuple[str, str], str]
    shards: tuple[PlannedShard, ...] = ()  # by suite, target and number
    partial: bool = False
    partial_detail: str = ""


class CaseParts(msgspec.Struct, frozen=True):
    """A case key taken apart."""

    model: str
    path: Path
    lowering: Lowering
    mode: Mode


def split_key(key: str) -> CaseParts:
    """Parts of ``model@path[.lowering][.train]``; raises ``UsageError`` for anything else."""
    model, at, tail = key.rpartition("@")
    first, *rest = tail.split(".")
    try:
        path = Path(first)
        lowering = Lowering(rest.pop(0)) if rest and rest[0] != "train" else Lowering.TORCH
    except ValueError:
        at = ""
    if not at or not model or rest not in ([], ["train"]):
        raise UsageError(
            f"{key!r} is no case key", "a case key reads model@path, with .lowering and .train where needed"
        )
    return CaseParts(model, path, lowering, Mode.TRAIN if rest else Mode.EVAL)


def make_plan(matrices: Iterable[Matrix], selection: Selection | None = None) -> Plan:
    """Every planned case, sorted by id. Raises ``UsageError`` when the files contradict each other."""
    by_suite: dict[str, Matrix] = {}
    for matrix in matrices:
        if matrix.suite in by_suite:
            raise UsageError(f"two matrices of suite {matrix.suite}", "give each suite's matrix once")
        by_suite[matrix.suite] = matrix
    if selection is not None and selection.suite not in by_suite:
        have = ", ".join(sorted(by_suite)) or "none"
        raise UsageError(
            f"the selection is of suite {selection.suite}, the matrices given are of: {have}",
            f"add --matrix .github/matrices/{selection.suite}.json",
        )
    cases: dict[str, PlannedShard] = {}
    for suite in sorted(by_suite):
        chosen = selection if selection is not None and selection.suite == suite else None
        cases.update(_suite_cases(by_suite[suite], chosen))
    return Plan(
        cases=dict(sorted(cases.items())),
        shards=tuple(sorted({id(shard): shard for shard in cases.values()}.values(), key=_place)),
        digests={(m.suite, t.target): t.digest for m in by_suite.values() for t in m.targets},
        partial=selection is not None and selection.partial,
        partial_detail=_describe(selection) if selection is not None and selection.partial else "",
    )


def _suite_cases(matrix: Matrix, selection: Selection | None) -> dict[str, PlannedShard]:
    depth = _depth(selection.depth if selection is not None and selection.depth else matrix.depth, matrix.suite)
    if selection is not None:
        wanted = [(s.target, s.shard, s.cases) for s in selection.shards]
    else:
        wanted = [(t.target, s.shard, s.cases) for t in matrix.targets for s in t.shards]
    cases: dict[str, PlannedShard] = {}
    for target, number, keys in wanted:
        plan = matrix.target(target)
        cut = next((s for s in plan.shards if s.shard == number), None) if plan is not None else None
        if plan is None or cut is None or not frozenset(cut.cases).issuperset(keys):
            raise UsageError(
                f"the selection asks for cases of {matrix.suite}/{target}/{number} that the matrix does not have",
                "take selection and matrix from the same run",
            )
        shard = PlannedShard(
            suite=matrix.suite,
            target=target,
            shard=number,
            digest=plan.digest,
            depth=depth,
            minutes=cut.minutes,
            setup_minutes=cut.setup_minutes,
            as_planned=len(keys) == len(cut.cases) and depth == matrix.depth,
        )
        for key in keys:
            split_key(key)
            name = case_id(matrix.suite, target, key)
            if name in cases:
                raise UsageError(f"{name} is planned twice", "run python -m generator to make the matrix anew")
            cases[name] = shard
    return cases


def _place(shard: PlannedShard) -> tuple[str, str, int]:
    return shard.suite, shard.target, shard.shard


def _depth(text: str, suite: str) -> Depth:
    try:
        return Depth(text)
    except ValueError:
        raise UsageError(f"{text!r}, the depth of suite {suite}, is none of: {', '.join(Depth)}") from None


def _describe(selection: Selection) -> str:
    count = sum(len(s.cases) for s in selection.shards)
    parts = [f"{count} selected cases of {selection.suite}", f"targets {', '.join(selection.targets) or 'none'}"]
    parts += [f"tests matching {selection.tests}"] if selection.tests else []
    parts += [f"depth {selection.depth}"] if selection.depth else []
    parts += [f"compiler {selection.compiler_version}"] if selection.compiler_version else []
    return ", ".join(parts)

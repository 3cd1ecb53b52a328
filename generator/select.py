"""Turns a committed matrix and the wishes of a run into the run's matrices and the selection that merge reads."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from generator.jobs import ShardJob, shard_jobs
from generator.limits import check_outputs
from schemas import codec
from schemas.case import case_id
from schemas.errors import ManifestError, StaleError, UsageError
from schemas.matrix import MATRIX_SCHEMA, Matrix, SelectedShard, Selection, ShardPlan, TargetPlan
from suites.findings import did_you_mean
from suites.keys import DEPTHS

MATRICES = Path(".github/matrices")

#: What pip accepts as one exact version (PEP 440), without epoch and spaces.
_VERSION = re.compile(r"\d+(\.\d+)*((a|b|rc)\d+)?(\.post\d+)?(\.dev\d+)?(\+[a-z0-9]+(\.[a-z0-9]+)*)?")


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """What a person dispatching a run may ask for; empty means everything, as the manifest says."""

    targets: tuple[str, ...] = ()
    tests: str = ""  # regular expression, searched in case ids
    depth: str = ""
    compiler_version: str = ""
    force_recompile: bool = False
    hosted_only: bool = False  # a pull request: only machines that GitHub hosts


def read_matrix(root: Path, suite: str) -> Matrix:
    """The committed matrix of a suite; raises UsageError for an unknown suite, StaleError for an unreadable file."""
    folder = root / MATRICES
    file = folder / f"{suite}.json"
    known = sorted(path.stem for path in folder.glob("*.json"))
    if suite not in known:
        remedy = did_you_mean(suite, known) or "run `python -m generator` to write the matrices"
        raise UsageError(f"there is no suite {suite!r} in {folder}", remedy)
    mend = "run `python -m generator` to write it anew"
    try:
        matrix = codec.decode(file.read_bytes(), Matrix)
    except msgspec.MsgspecError as error:
        raise StaleError(f"{file}: not a matrix: {error}", mend) from error
    if matrix.schema != MATRIX_SCHEMA:
        raise StaleError(f"{file}: written as {matrix.schema}, not {MATRIX_SCHEMA}", mend)
    return matrix


def select(matrix: Matrix, wishes: Wishes) -> Selection:
    """The shards that hold a chosen case; raises UsageError for wishes that cannot be met or that choose nothing."""
    pattern = _pattern(wishes.tests)
    _check_depth(wishes.depth)
    _check_version(wishes.compiler_version)
    plans = _targets(matrix, wishes)
    shards = tuple(
        SelectedShard(target=plan.target, shard=shard.shard, cases=cases)
        for plan in plans
        for shard in plan.shards
        if (cases := _chosen(matrix, plan, shard.cases, pattern))
    )
    if not shards:
        raise UsageError(_nothing(matrix, wishes, plans), "python -m generator list shows the cases of every suite")
    planned = {(plan.target, shard.shard): shard.cases for plan in matrix.targets for shard in plan.shards}
    return Selection(
        suite=matrix.suite,
        targets=tuple(plan.target for plan in plans),
        tests=wishes.tests,
        depth=wishes.depth,
        compiler_version=wishes.compiler_version,
        force_recompile=wishes.force_recompile,
        partial={(shard.target, shard.shard): shard.cases for shard in shards} != planned,
        shards=shards,
    )


def outputs(matrix: Matrix, selection: Selection) -> dict[str, str]:
    """Job outputs: for each shard job of the workflow its matrix as JSON, ``[]`` when none of its shards is chosen.

    Raises ManifestError when GitHub would cut them off.
    """
    chosen = {(shard.target, shard.shard) for shard in selection.shards}
    values = {job.id: _include(job, chosen) for job in shard_jobs(matrix)}
    findings = tuple(check_outputs(matrix.source.file, values))
    if findings:
        raise ManifestError(findings)
    return values


def summary(matrix: Matrix, selection: Selection) -> str:
    """One line a target: how many of its shards and cases were chosen."""
    lines = []
    for plan in matrix.targets:
        shards = [shard for shard in selection.shards if shard.target == plan.target]
        cases = sum(len(shard.cases) for shard in shards)
        planned = sum(len(shard.cases) for shard in plan.shards)
        lines.append(
            f"{matrix.suite}/{plan.target}: {len(shards)} of {len(plan.shards)} shards, {cases} of {planned} cases"
        )
    return "\n".join(lines)


def _include(job: ShardJob, chosen: set[tuple[str, int]]) -> str:
    entries = [_entry(shard) for shard in job.shards if (job.target, shard.shard) in chosen]
    return codec.encode(entries).decode()


def _entry(shard: ShardPlan) -> dict[str, int | str]:
    extras = " ".join(shard.extras)
    return {"shard": shard.shard, "extras": extras} if extras else {"shard": shard.shard}


def _chosen(
    matrix: Matrix, plan: TargetPlan, keys: tuple[str, ...], pattern: re.Pattern[str] | None
) -> tuple[str, ...]:
    if pattern is None:
        return keys
    return tuple(key for key in keys if pattern.search(case_id(matrix.suite, plan.target, key)))


def _targets(matrix: Matrix, wishes: Wishes) -> tuple[TargetPlan, ...]:
    known = [plan.target for plan in matrix.targets]
    for name in wishes.targets:
        if name not in known:
            raise UsageError(f"--targets: suite {matrix.suite} has no target {name!r}", did_you_mean(name, known))
    return tuple(
        plan
        for plan in matrix.targets
        if (not wishes.targets or plan.target in wishes.targets) and (plan.hosted or not wishes.hosted_only)
    )


def _pattern(tests: str) -> re.Pattern[str] | None:
    if not tests:
        return None
    try:
        return re.compile(tests)
    except re.error as error:
        column = error.pos or 0
        raise UsageError(
            f"--tests: {error.msg} at character {column + 1}:\n    {tests}\n    {' ' * column}^",
            "write a Python regular expression, for example onnx/node/test_(abs|add)@",
        ) from error


def _check_depth(depth: str) -> None:
    if depth and depth not in DEPTHS:
        raise UsageError(f"--depth: {depth!r} is no depth that a run can have", did_you_mean(depth, DEPTHS))


def _check_version(version: str) -> None:
    if version and not _VERSION.fullmatch(version):
        raise UsageError(
            f"--compiler-version: {version!r} is not one exact version",
            "write a version as the package index shows it, for example 3.13.0 or 3.14.0rc20261101",
        )


def _nothing(matrix: Matrix, wishes: Wishes, plans: tuple[TargetPlan, ...]) -> str:
    if not plans:
        kinds = ", ".join(plan.target for plan in matrix.targets)
        return f"nothing is selected: of the targets of suite {matrix.suite} ({kinds}) none is hosted by GitHub"
    cases = sum(len(shard.cases) for plan in plans for shard in plan.shards)
    where = ", ".join(plan.target for plan in plans)
    return (
        f"nothing is selected: no id of the {cases} cases of suite {matrix.suite} on {where} matches {wishes.tests!r}"
    )

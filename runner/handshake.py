"""A matrix and the cases of today become an agreement, or the command that brings them together again."""

from __future__ import annotations

import pathlib
import shlex

import msgspec

from e2eshard.commands import command
from schemas.case import Case
from schemas.codec import decode
from schemas.errors import StaleError, UsageError
from schemas.matrix import MATRIX_SCHEMA, Matrix, ShardPlan, TargetPlan, cases_digest
from suites.findings import did_you_mean


def read_matrix(root: pathlib.Path, suites: pathlib.Path, suite: str) -> Matrix:
    """The suite's committed matrix; raises StaleError when there is none or when it cannot be read."""
    path = root / ".github" / "matrices" / f"{suite}.json"
    mend = f"run {generate_command(root, suites)}"
    try:
        matrix = decode(path.read_bytes(), Matrix)
    except FileNotFoundError:
        raise StaleError(f"{path}: the suite {suite} has no matrix", mend) from None
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise StaleError(f"{path}: not a matrix: {error}", mend) from error
    if matrix.schema != MATRIX_SCHEMA:
        raise StaleError(f"{path}: written as {matrix.schema}, this runner reads {MATRIX_SCHEMA}", mend)
    return matrix


def agree(matrix: Matrix, target: str, cases: tuple[Case, ...], mend: str) -> TargetPlan:
    """The target's plan, after the digest of its cases was found to be today's; StaleError otherwise."""
    plan = matrix.target(target)
    if plan is None:
        raise StaleError(f"the matrix of {matrix.suite} has no target {target}, the manifest has", f"run {mend}")
    digest = cases_digest(cases)
    if plan.digest != digest:
        raise StaleError(
            f"the matrix of {matrix.suite} is stale for {target}: it was made from other cases or settings\n"
            f"    matrix:    {plan.digest}\n    manifests: {digest}",
            f"run {mend} and commit what it writes",
        )
    return plan


def shards_of(plan: TargetPlan, suite: str, number: str | None) -> tuple[ShardPlan, ...]:
    """The shard of that number, or all; UsageError for an unknown one."""
    if number is None:
        return plan.shards
    known = {str(shard.shard): shard for shard in plan.shards}
    if number not in known:
        prefix = f"{suite}/{plan.target}"
        raise UsageError(
            f"there is no shard {prefix}/{number}",
            did_you_mean(number, known, f"{prefix} has {', '.join(f'{prefix}/{each}' for each in known)}"),
        )
    return (known[number],)


def generate_command(root: pathlib.Path, suites: pathlib.Path) -> str:
    """``python -m generator`` with the folders that are in use."""
    argv = command("generator")
    if suites != pathlib.Path("suites"):
        argv += ["--suites", str(suites)]
    if root != pathlib.Path():
        argv += ["--root", str(root)]
    return shlex.join(argv)

"""Turns a matrix into the jobs that start its shards: one per target and 256 shards, GitHub's limit for one matrix."""

from __future__ import annotations

import msgspec

from generator.limits import MATRIX_JOBS
from schemas.errors import UsageError
from schemas.matrix import Matrix, ShardPlan

#: Jobs of a suite's workflow that no target may be named after.
SELECT = "select"
MERGE = "merge"


class ShardJob(msgspec.Struct, frozen=True, kw_only=True):
    """One matrix job of a suite's workflow. ``id`` names the job and the output of ``select`` that holds its matrix."""

    id: str  # the target's name; cpu-2, cpu-3, … after the first 256 shards
    target: str
    part: int  # from 0
    parts: int
    shards: tuple[ShardPlan, ...]

    def at_once(self, capacity: int) -> int:
        """This job's share of the target's machines, at least one."""
        share, rest = divmod(capacity, self.parts)
        return max(1, share + (1 if self.part < rest else 0))


def shard_jobs(matrix: Matrix) -> tuple[ShardJob, ...]:
    """The jobs of a suite in the order of its targets; raises UsageError when two would bear the same name."""
    jobs: list[ShardJob] = []
    for plan in matrix.targets:
        starts = range(0, len(plan.shards), MATRIX_JOBS)
        jobs.extend(
            ShardJob(
                id=plan.target if part == 0 else f"{plan.target}-{part + 1}",
                target=plan.target,
                part=part,
                parts=len(starts),
                shards=plan.shards[start : start + MATRIX_JOBS],
            )
            for part, start in enumerate(starts)
        )
    _check_names(matrix, jobs)
    return tuple(jobs)


def _check_names(matrix: Matrix, jobs: list[ShardJob]) -> None:
    taken = {SELECT: "the first job", MERGE: "the last job"} | dict.fromkeys(
        ("true", "false", "null"), "a YAML constant"
    )
    for job in jobs:
        if job.id in taken:
            raise UsageError(
                f"suite {matrix.suite}: the job {job.id!r} of target {job.target} would be named like {taken[job.id]}",
                f"rename target {job.target} in targets.yaml",
            )
        taken[job.id] = f"a job of target {job.target}"

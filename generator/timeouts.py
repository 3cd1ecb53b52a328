"""Turns a target's deadlines into the minutes of its jobs and steps, each inside the next larger one."""

from __future__ import annotations

import math
from collections.abc import Iterator

import msgspec

from schemas.errors import Finding, Location
from schemas.target import Target

#: Steps around the run. A set-up that takes longer hangs; an upload gets its time after the run was cut off.
SETUP_MINUTES = 10
UPLOAD_MINUTES = 5
CACHE_MINUTES = 5
DOWNLOAD_MINUTES = 5
#: The two hosted jobs around the shards.
SELECT_MINUTES = 20
MERGE_MINUTES = 45


class Timeouts(msgspec.Struct, frozen=True, kw_only=True):
    """Whole minutes, as GitHub's ``timeout-minutes`` takes them."""

    job: int
    run: int  # the step that runs the cases; the runner's own deadline comes before it


def timeouts(target: Target) -> Timeouts:
    """The timeouts of one target's jobs."""
    # One minute more: the runner must reach its own deadline first, journal, and write its report.
    return Timeouts(job=math.ceil(target.job_timeout / 60), run=math.ceil(target.shard_timeout / 60) + 1)


def check(target: Target, file: str, added_setup: float = 0.0) -> Iterator[Finding]:
    """A finding when a job cannot hold its set-up and its shard; ``file`` is where the target is declared.

    ``added_setup``: the most seconds that extras add to the set-up of one of its shards.
    """
    given = timeouts(target)
    setup = target.setup_seconds + added_setup
    needed = max(math.ceil(setup / 60) + given.run, SETUP_MINUTES) + 1
    if needed > given.job:
        yield Finding(
            Location(file),
            f"target {target.name}: a job of {given.job} minutes cannot hold a set-up of {setup:g} "
            f"seconds and a shard of {target.shard_timeout / 60:g} minutes with time to report",
            f"give it a job-timeout of at least {needed}m, or a shorter shard-timeout",
        )

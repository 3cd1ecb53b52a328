"""A shard becomes its lane: of models that are compiled together, or of bundles that are run together on a device."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable, Mapping, Sequence

import msgspec

from runner.bundle.layout import ARTEFACTS
from runner.bundle.resumption import Resumption
from runner.fast import eligible
from runner.fast.forming import Candidate
from runner.fast.lane import Lane
from runner.options import Options
from runner.pool import BATCHES_VARIABLE, WORKER_VARIABLE
from runner.protocol import Batch, Caching, Failed, Job, Member
from runner.select import Batch as Shard
from schemas.case import Case
from schemas.partial import Half

__all__ = ["DeviceLane", "Lane", "lane_for", "with_jobs"]


class DeviceLane(Lane):
    """The batches of a device's half: cases that go on from bundles, none of which is expected to fail."""

    bundles: Mapping[str, Resumption] = {}

    def _candidates(
        self, cases: Sequence[Case], source: Callable[[Case], str]
    ) -> tuple[list[Candidate], list[Case], list[tuple[Case, Failed]]]:
        found: list[Candidate] = []
        rest: list[Case] = []
        for case in cases:
            resumption = self.bundles.get(case.id)
            if resumption is None or not eligible.resumable(case, resumption.run, self._alone):
                rest.append(case)
                continue
            compiled = pathlib.Path(resumption.folder) / ARTEFACTS / "module.vmfb"
            if not eligible.is_small(compiled):
                rest.append(case)
                continue
            member = Member(case=case, source=source(case), compiled=str(compiled))
            found.append(Candidate(member=member, family=eligible.family(case), seconds=resumption.seconds))
        return found, rest, []


def lane_for(batch: Shard, options: Options, caching: Caching | None, seconds: Callable[[Case], float]) -> Lane | None:
    """The lane of a shard; None where all its cases go alone.

    A test's worker stands for a single case, unless it says otherwise.
    """
    if WORKER_VARIABLE in os.environ and BATCHES_VARIABLE not in os.environ:
        return None
    name = f"{batch.suite}-{batch.target.name}"
    if options.half is Half.DEVICE and eligible.device_runs(options):
        lane = DeviceLane(batch.target, caching, seconds, batch.digest, f"{name}-device")
        lane.bundles = batch.bundles
        return lane
    if batch.bundles or not eligible.engine_runs(options, batch.target):
        return None
    return Lane(batch.target, caching, seconds, batch.digest, name)


def with_jobs(batch: Batch, first: Job, job_of: Callable[[Case], Job]) -> Batch:
    """The batch, each member with its own job and folder where they go on from bundles."""
    if not first.bundle:
        return batch
    jobs = (job_of(each.case) for each in batch.members)
    own = (
        msgspec.structs.replace(job, folder=str(pathlib.Path(first.folder) / str(number)), keep=False)
        for number, job in enumerate(jobs)
    )
    return msgspec.structs.replace(batch, jobs=tuple(own))

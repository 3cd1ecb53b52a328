"""A shard becomes its lane: of models that are compiled together, or of bundles that are run together on a device."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence

import msgspec

from runner.bundle.layout import ARTEFACTS
from runner.bundle.resumption import Resumption
from runner.fast import eligible
from runner.fast.forming import Candidate
from runner.fast.known import Known
from runner.fast.lane import Lane
from runner.options import Options
from runner.pool import BATCHES_VARIABLE, WORKER_VARIABLE
from runner.protocol import PACKAGE, Batch, Caching, Failed, Job, Member, Toolchain
from runner.select import Batch as Shard
from runner.store import default_store
from schemas.case import Case
from schemas.partial import Half
from schemas.target import Target
from suites.digest import sha256_of

__all__ = ["DeviceLane", "Lane", "lane_for", "with_jobs"]


class DeviceLane(Lane):
    """The batches of a device's half: cases that go on from bundles, none of which is expected to fail.

    What goes alone is remembered without a compiler's cache too: such a machine has none.
    """

    def __init__(
        self,
        target: Target,
        bundles: Mapping[str, Resumption],
        seconds: Callable[[Case], float],
        *,
        digest: str,
        name: str,
    ) -> None:
        super().__init__(target, None, seconds, digest=digest, name=name, known=Known(default_store().root))
        self._bundles = bundles

    def _pointless(self, batch: Batch) -> bool:
        return len(batch.members) == 1

    def _anew(self, hopeful: Sequence[Member]) -> int:
        return len(hopeful)

    def _key(self, case: str) -> str:
        """The digest of the compiled module."""
        bundle = self._bundles.get(case)
        with contextlib.suppress(OSError):
            return sha256_of(_compiled(bundle)) if bundle is not None else ""
        return ""

    def _candidates(
        self, cases: Sequence[Case], source: Callable[[Case], str]
    ) -> tuple[list[Candidate], list[Case], list[tuple[Case, Failed]]]:
        found: list[Candidate] = []
        rest: list[Case] = []
        for case in cases:
            resumption = self._bundles.get(case.id)
            if resumption is None or not eligible.resumable(case, resumption.run, self._alone.failed):
                rest.append(case)
                continue
            compiled = _compiled(resumption)
            if not eligible.is_small(compiled):
                rest.append(case)
                continue
            member = Member(case=case, source=source(case), compiled=str(compiled))
            # Neighbours are unlike: what a broken kernel finds in memory used before is no right answer of another's.
            order = hashlib.sha256(case.id.encode()).hexdigest()
            family = eligible.family(case)
            found.append(Candidate(member=member, family=family, seconds=resumption.seconds, order=order))
        return found, rest, []


def _compiled(resumption: Resumption) -> pathlib.Path:
    return pathlib.Path(resumption.folder) / ARTEFACTS / "module.vmfb"


def lane_for(
    batch: Shard, options: Options, toolchain: Toolchain, caching: Caching | None, seconds: Callable[[Case], float]
) -> Lane | None:
    """The lane of a shard; None where all its cases go alone.

    On a device this process can load the installed package's runtime only, and no other. A test's worker stands for a
    single case, unless it says otherwise.
    """
    if WORKER_VARIABLE in os.environ and BATCHES_VARIABLE not in os.environ:
        return None
    name = f"{batch.suite}-{batch.target.name}"
    if options.half is Half.DEVICE and eligible.device_runs(options) and toolchain.origin == PACKAGE:
        return DeviceLane(batch.target, batch.bundles, seconds, digest=batch.digest, name=f"{name}-device")
    if batch.bundles or not eligible.engine_runs(options, batch.target):
        return None
    return Lane(batch.target, caching, seconds, digest=batch.digest, name=name)


def with_jobs(batch: Batch, first: Job, job_of: Callable[[Case], Job]) -> Batch:
    """The batch, with a file of its members' jobs where they go on from bundles; raises OSError."""
    if not first.bundle:
        return batch
    jobs = (job_of(each.case) for each in batch.members)
    own = (
        msgspec.structs.replace(job, folder=str(pathlib.Path(first.folder) / str(number)), keep=False)
        for number, job in enumerate(jobs)
    )
    file = pathlib.Path(first.folder) / "jobs.json"  # beside what all of them share
    file.write_bytes(msgspec.json.encode(tuple(own)))
    return msgspec.structs.replace(batch, jobs=str(file))

"""A case that was built becomes a bundle in the handover, or a reason why its device has to run all of it."""

from __future__ import annotations

import logging
import pathlib
import re
import shutil
from collections.abc import Callable

import msgspec

from runner.bundle.cleanup import Cleanup
from runner.bundle.layout import folder_name
from runner.bundle.seal import Rules, seal
from runner.folder import Keep, ShardFolder
from runner.protocol import Job
from schemas.bundle import Artefact, Bundle
from schemas.case import Case
from schemas.record import Record
from schemas.target import Target
from schemas.words import Outcome, SkipReason
from suites.units import show_size

log = logging.getLogger("runner.halves")

#: What upload-artifact refuses in a name; it also leaves out whatever begins with a dot.
_REFUSED = re.compile(r'["<>|*?:\r\n]|(^|/)\.')
_UNREAD = frozenset({Artefact.SOURCE, Artefact.MODULE, Artefact.LOWERED})


class Handed(msgspec.Struct, frozen=True, kw_only=True):
    """A bundle in the handover, by its folder below the shard's there; ``size`` in bytes."""

    bundle: str
    digest: str
    size: int
    plain: bool


class Handover(msgspec.Struct, frozen=True, kw_only=True):
    """Where bundles go, the target whose machine takes them, and which cases it must load the model of."""

    folder: pathlib.Path
    target: Target
    with_model: Callable[[Case], bool]


class BuildFolder(ShardFolder):
    """A shard's folder for its build: cases that go on leave a bundle in the handover, the others as ever."""

    def __init__(self, root: pathlib.Path, keep: Keep, rules: Rules, handover: Handover) -> None:
        super().__init__(root, keep, rules)
        self._handover = handover.folder.absolute()
        self._target = handover.target
        self._with_model = handover.with_model
        self._left = handover.target.handover_total
        self.handed: dict[str, Handed] = {}
        self.whole: dict[str, str] = {}  # by case id: why its device runs it from the beginning

    @property
    def keeps_bundles(self) -> bool:
        """Always: a case that is built is nothing else."""
        return True

    def begin(self, *, resumed: bool) -> None:
        """Also empty the shard's part of the handover."""
        super().begin(resumed=resumed)
        shutil.rmtree(self._handover, ignore_errors=True)
        self._handover.mkdir(parents=True)

    def ended(self, job: Job, record: Record) -> Record:
        """Hand over a case that was built; the record as it came."""
        if not goes_on(record):
            return super().ended(job, record)
        case, name = job.case, folder_name(job.case)
        unread = _UNREAD - {Artefact.SOURCE} if self._with_model(case) else _UNREAD
        rules = Rules(level=Cleanup.NOTHING, limit=0, unread=unread)
        try:
            bundle = seal(job, record, self.provenance, self._handover / name, rules)
            self._take(case.id, name, bundle)
        except OSError as error:
            log.warning("%s: its bundle could not be written: %s", case.id, error)
            self.whole[case.id] = f"its bundle could not be written: {error.strerror or error}"
        if case.id in self.whole:
            shutil.rmtree(self._handover / name, ignore_errors=True)
        self.discard(case)
        return record

    def _take(self, case: str, name: str, bundle: Bundle) -> None:
        size = sum(each.size for each in bundle.files if not each.missing)
        odd = next((each.path for each in bundle.files if _REFUSED.search(each.path)), "")
        if odd or _REFUSED.search(name):
            self.whole[case] = f"GitHub's artifacts refuse the name {(odd or name)!r}"
        elif size > self._target.handover_limit:
            limit = show_size(self._target.handover_limit)
            self.whole[case] = f"its bundle of {show_size(size)} is over the limit of {limit} (handover-limit)"
        elif size > self._left:
            limit = show_size(self._target.handover_total)
            self.whole[case] = f"the bundles of its shard would pass the limit of {limit} (handover-total)"
        else:
            self._left -= size
            self.handed[case] = Handed(bundle=name, digest=bundle.digest, size=size, plain=bundle.state.plain)


def goes_on(record: Record) -> bool:
    """Whether nothing went wrong and a stage is left: what was built proves nothing yet."""
    return record.outcome is Outcome.SKIP and record.skip_reason is SkipReason.NOT_COMPARED

"""A shard's folder: where everything a run leaves lies, made, cleaned and pruned in one place."""

from __future__ import annotations

import contextlib
import logging
import os
import pathlib
import shutil
from enum import StrEnum

import msgspec

from runner.bundle.cleanup import DEFAULT_LIMIT, Cleanup
from runner.bundle.layout import folder_name
from runner.bundle.seal import Rules, seal
from runner.protocol import Job
from schemas.bundle import BUNDLE_FILE
from schemas.case import Case
from schemas.ops import OP_FOLDER, OP_RUN_FOLDER
from schemas.record import Provenance, Record, StageResult
from schemas.words import StageStatus

log = logging.getLogger("runner.folder")

#: What a run leaves in its folder; a fresh run removes exactly these and nothing that somebody else put there.
_REPORTS = ("records.jsonl", "results.json", "junit.xml", "report.xlsx", "summary.md", "models.md")
_LEAVINGS = (*_REPORTS, "partial.jsonl", "logs", "work", "again", "bundles", "emit", "build", OP_FOLDER)
_BATCH = "batch"
_USUAL = Rules(level=Cleanup.LARGE, limit=DEFAULT_LIMIT)


class Keep(StrEnum):
    """Which cases leave a bundle."""

    FAILED = "failed"
    ALL = "all"
    NONE = "none"


class ShardFolder:
    """``OUT/<suite>/<target>/<shard>``."""

    def __init__(self, root: pathlib.Path, keep: Keep, rules: Rules = _USUAL) -> None:
        self.root = root.absolute()
        self.provenance = Provenance()  # what a bundle says it was made by; known once the run has begun
        self._batches = 0
        self.keeps_also: tuple[str, ...] = ()  # leavings of others that a fresh run does not remove
        self._keep = keep if rules.level.bundles else Keep.NONE
        self._rules = rules

    @property
    def keeps_bundles(self) -> bool:
        """Whether a case may have to leave its stages' results."""
        return self._keep is not Keep.NONE

    @property
    def journal(self) -> pathlib.Path:
        """``records.jsonl``."""
        return self.root / "records.jsonl"

    @property
    def keep(self) -> Keep:
        """Which cases leave a bundle."""
        return self._keep

    @property
    def again(self) -> ShardFolder:
        """Where second runs leave what they leave."""
        folder = ShardFolder(self.root / "again", self._keep, self._rules)
        folder.provenance = self.provenance
        return folder

    @property
    def zygote_log(self) -> pathlib.Path:
        """What the process that starts the cases printed."""
        return self.root / "logs" / "zygote.log"

    @property
    def prepare_log(self) -> pathlib.Path:
        """What the process that makes and downloads sources printed."""
        return self.root / "logs" / "prepare.log"

    def begin(self, *, resumed: bool) -> None:
        """Make the folder; a run that resumes nothing removes what an earlier one left, another what it left undone."""
        if resumed:
            shutil.rmtree(self.root / "work", ignore_errors=True)
        if not resumed:
            for name in (each for each in _LEAVINGS if each not in self.keeps_also):
                path = self.root / name
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)
        (self.root / "logs").mkdir(parents=True, exist_ok=True)

    def make(self, case: Case) -> tuple[pathlib.Path, pathlib.Path]:
        """A case's working folder and log folder, both empty."""
        folders = self.places(case)
        for folder in folders:
            try:
                folder.mkdir(parents=True)
            except FileExistsError:  # a case that is run again after a kill
                shutil.rmtree(folder)
                folder.mkdir()
        return folders

    def places(self, case: Case) -> tuple[pathlib.Path, pathlib.Path]:
        """Where a case's working folder and its log folder lie, made or not."""
        return self._work(case), self._logs(case)

    def make_batch(self) -> tuple[pathlib.Path, pathlib.Path]:
        """A batch's working folder and log folder, both empty."""
        self._batches += 1
        name = f"{_BATCH}-{os.getpid()}-{self._batches}"
        place, logs = self.root / "work" / name, self.root / "logs" / name
        for folder in (place, logs):
            folder.mkdir(parents=True)
        return place, logs

    def ended_batch(self, job: Job, *, whole: bool) -> None:
        """Remove what a batch left; of one that did not come to its end (not ``whole``) the log stays."""
        shutil.rmtree(job.folder, ignore_errors=True)
        _drop_empty(pathlib.Path(job.logs) / "case.log")
        if whole:
            shutil.rmtree(job.logs, ignore_errors=True)
        with contextlib.suppress(OSError):
            pathlib.Path(job.logs).rmdir()

    def ended(self, job: Job, record: Record) -> Record:
        """Keep a finished case's bundle where one is wanted (see Keep), and remove the rest of what it left.

        The record as it is then: with its bundle's place, or a note of why there is none.
        """
        case = job.case
        _drop_empty(self._logs(case) / "case.log")
        if self._keep is Keep.ALL or (self._keep is Keep.FAILED and record.outcome.is_red):
            record = self._bundled(job, record)
        shutil.rmtree(self._work(case), ignore_errors=True)
        return self.with_logs_as_wanted(record, case)

    def with_logs_as_wanted(self, record: Record, case: Case) -> Record:
        """Remove a case's logs where none are to be kept; its record as it is then."""
        if self._rules.level is Cleanup.EVERYTHING:
            shutil.rmtree(self._logs(case), ignore_errors=True)
            stages = tuple(msgspec.structs.replace(each, log=None) for each in record.stages)
            return msgspec.structs.replace(record, stages=stages)
        return record

    def _bundled(self, job: Job, record: Record) -> Record:
        if not self._work(job.case).is_dir():
            return record
        name = f"bundles/{folder_name(job.case)}"
        try:
            seal(job, record, self.provenance, self.root / name, self._rules)
        except OSError as error:
            log.warning("%s: the bundle could not be kept: %s", job.case.id, error)
            shutil.rmtree(self.root / name, ignore_errors=True)
            note = f"its bundle could not be kept: {error.strerror or error}"
            return msgspec.structs.replace(record, notes=(*record.notes, note))
        return msgspec.structs.replace(record, bundle=name)

    def discard(self, case: Case, *, logs: bool = False) -> None:
        """Remove a case's working folder whatever is to be kept, and with ``logs`` what it said."""
        shutil.rmtree(self._work(case), ignore_errors=True)
        if logs:
            shutil.rmtree(self._logs(case), ignore_errors=True)
            shutil.rmtree(self.root / OP_FOLDER / case.key, ignore_errors=True)
            (self.root / OP_FOLDER / f"{case.key}.jsonl").unlink(missing_ok=True)

    def with_logs(self, stages: tuple[StageResult, ...]) -> tuple[StageResult, ...]:
        """The stages, without the log that one that was cut off would have written but had not begun."""
        return tuple(
            each
            if each.log is None or each.status is StageStatus.PASS or (self.root / each.log).exists()
            else msgspec.structs.replace(each, log=None)
            for each in stages
        )

    def finish(self) -> None:
        """Remove what nothing is left in: folders, and the logs of our own processes that had nothing to say."""
        for log in (self.zygote_log, self.prepare_log):
            _drop_empty(log)
        for left in (self.root / "work").glob(f"{_BATCH}-*"):  # by one that could not be begun
            shutil.rmtree(left, ignore_errors=True)
        for left in (self.root / "logs").glob(f"{_BATCH}-*"):
            with contextlib.suppress(OSError):
                left.rmdir()
        for name in ("work", "bundles", OP_FOLDER):
            _discard_empty(self.root / name)
        shutil.rmtree(self.again.root / OP_FOLDER / OP_RUN_FOLDER, ignore_errors=True)
        _discard_empty(self.root / "again")

    def _work(self, case: Case) -> pathlib.Path:
        return self.root / "work" / folder_name(case)

    def _logs(self, case: Case) -> pathlib.Path:
        return self.root / "logs" / case.key


def _drop_empty(log: pathlib.Path) -> None:
    with contextlib.suppress(OSError):
        if log.stat().st_size == 0:
            log.unlink()


def _discard_empty(folder: pathlib.Path) -> None:
    if not folder.is_dir() or (folder / BUNDLE_FILE).exists():  # an empty place in a bundle is one to be filled
        return
    for child in folder.iterdir():
        if child.is_dir() and not child.is_symlink():
            _discard_empty(child)
    with contextlib.suppress(OSError):  # not empty: kept
        folder.rmdir()

"""A shard's folder: where everything a run leaves lies, made, cleaned and pruned in one place."""

from __future__ import annotations

import contextlib
import pathlib
import shutil
from enum import StrEnum

import msgspec

from schemas.case import Case
from schemas.record import StageResult
from schemas.words import Outcome, StageStatus

#: What a run leaves in its folder; a fresh run removes exactly these and nothing that somebody else put there.
_LEAVINGS = ("records.jsonl", "results.json", "junit.xml", "report.xlsx", "summary.md", "logs", "work")


class Keep(StrEnum):
    """Which cases' working folders stay."""

    FAILED = "failed"
    ALL = "all"
    NONE = "none"


class ShardFolder:
    """``OUT/<suite>/<target>/<shard>``."""

    def __init__(self, root: pathlib.Path, keep: Keep) -> None:
        self.root = root.absolute()
        self._keep = keep

    @property
    def journal(self) -> pathlib.Path:
        """``records.jsonl``."""
        return self.root / "records.jsonl"

    @property
    def zygote_log(self) -> pathlib.Path:
        """What the process that starts the cases printed."""
        return self.root / "logs" / "zygote.log"

    @property
    def prepare_log(self) -> pathlib.Path:
        """What the process that makes and downloads sources printed."""
        return self.root / "logs" / "prepare.log"

    def begin(self, *, resumed: bool) -> None:
        """Make the folder; a run that resumes nothing first removes what an earlier one left."""
        if not resumed:
            for name in _LEAVINGS:
                path = self.root / name
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)
        (self.root / "logs").mkdir(parents=True, exist_ok=True)

    def make(self, case: Case) -> tuple[pathlib.Path, pathlib.Path]:
        """A case's working folder and log folder, both empty."""
        folders = (self._work(case), self._logs(case))
        for folder in folders:
            try:
                folder.mkdir(parents=True)
            except FileExistsError:  # a case that is run again after a kill
                shutil.rmtree(folder)
                folder.mkdir()
        return folders

    def ended(self, case: Case, outcome: Outcome) -> None:
        """Remove what a finished case need not leave: its working folder (see Keep) and a log without a word in it."""
        _drop_empty(self._logs(case) / "case.log")
        if self._keep is Keep.NONE or (self._keep is Keep.FAILED and not outcome.is_red):
            shutil.rmtree(self._work(case), ignore_errors=True)

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
        _discard_empty(self.root / "work")

    def _work(self, case: Case) -> pathlib.Path:
        """Without the key's @: the runtime takes what follows it in a module's path for syntax of its own."""
        return self.root / "work" / case.key.replace("@", "__")

    def _logs(self, case: Case) -> pathlib.Path:
        return self.root / "logs" / case.key


def _drop_empty(log: pathlib.Path) -> None:
    with contextlib.suppress(OSError):
        if log.stat().st_size == 0:
            log.unlink()


def _discard_empty(folder: pathlib.Path) -> None:
    if not folder.is_dir():
        return
    for child in folder.iterdir():
        if child.is_dir() and not child.is_symlink():
            _discard_empty(child)
    with contextlib.suppress(OSError):  # not empty: kept
        folder.rmdir()

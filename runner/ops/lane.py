"""Operations of unknown result become results by few compilations; what does not pass there is left out.

Some of what passed is run again alone, chosen by digest and seed, and must come to the same end there. Where one does
not, nothing more of the case is believed unless it was run alone.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Mapping

import msgspec

from runner.ops import results
from runner.ops.ahead import FEWEST, FEWEST_AFTER
from runner.ops.alone import LOG, Wish
from runner.ops.batch import Batch
from runner.ops.isolation import Isolation, Limits
from runner.ops.journal import OpJournal
from runner.ops.keys import SHOWN
from runner.ops.parts import EACH
from runner.ops.program import OpProgram
from runner.ops.store import OpStore
from runner.work import Work
from schemas.ops import OpResult
from schemas.opwords import OpStatus
from schemas.words import StageStatus

_FOLDER = "joined"
#: One of so many that passed is run again alone, and one of a case at least.
_SAMPLE = 50
#: So many operations together may take as long without a word as one alone: a joined compilation takes longer.
_PATIENCE = 8
#: After so many batches in a row of which nothing passed, it is not tried again.
_FRUITLESS = 2

Run = Callable[[OpResult, OpProgram], OpResult]
Blank = Callable[[OpProgram, str], OpResult]


class Lane:
    """One case's. ``alone`` runs an operation by itself, ``blank`` is a result of which nothing is known."""

    def __init__(
        self,
        work: Work,
        wish: Wish,
        *,
        store: OpStore,
        journal: OpJournal,
        limits: Limits,
        alone: Run,
        blank: Blank,
    ) -> None:
        self._work = work
        self._wish = wish
        self._store = store
        self._journal = journal
        self._limits = limits
        self._alone = alone
        self._blank = blank
        self._fruitless = 0
        self._disagreed: list[str] = []
        self.joined = 0
        self.rejudged = 0

    @property
    def open(self) -> bool:
        """Whether it may be used, and is worth it."""
        return not self._disagreed and self._fruitless < _FRUITLESS

    @property
    def fewest(self) -> int:
        """How many are worth it: the sample of a case is run again alone once, whatever follows."""
        return FEWEST_AFTER if self.rejudged else FEWEST

    def run(self, programs: Mapping[str, OpProgram]) -> dict[str, OpResult]:
        """By digest, the results of those that passed. They are in the journal and in the store, like any other."""
        with self._store.claimed_at_once(programs) as mine:
            wanted = {digest: programs[digest] for digest in mine if self._store.find(digest) is None}
            if len(wanted) < self.fewest:
                return {}
            passed = self._checked(self._passed(wanted), wanted)
            for result in passed.values():
                self._store.keep(result)
        self._fruitless = 0 if passed else self._fruitless + 1
        return passed

    def notes(self) -> tuple[str, ...]:
        """What passed in company and not alone."""
        return tuple(f"passed when compiled with other operations, and not alone: {each}" for each in self._disagreed)

    def _passed(self, programs: Mapping[str, OpProgram]) -> dict[str, OpResult]:
        for digest in programs:
            self._journal.start(self._work.job.case.id, digest, joined=True)
        folder = self._work.folder / _FOLDER
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        batch = Batch(self._work, dict(enumerate(programs.values())), folder, self._wish)
        seconds = self._limits.seconds * max(1, min(len(programs), EACH) / _PATIENCE)
        limits = msgspec.structs.replace(self._limits, seconds=seconds, each=True)
        ended = Isolation(limits).run(batch.run, folder / LOG)
        told = results.by_turn(ended.lines)
        share = ended.seconds / len(programs)
        found: dict[str, OpResult] = {}
        for number, (digest, program) in enumerate(programs.items()):
            story = results.read(told.get(number, []))
            result = results.result_of(self._blank(program, digest), story, ended, folder / str(number))
            if story.last is not None and result.outcome is StageStatus.PASS and result.status >= OpStatus.COMPILED:
                found[digest] = msgspec.structs.replace(result, seconds=share)
                self._work.compiler_flags = self._work.compiler_flags or story.flags.compiler
                self._work.runtime_flags = self._work.runtime_flags or story.flags.runtime
        shutil.rmtree(folder, ignore_errors=True)
        return found

    def _checked(self, passed: dict[str, OpResult], programs: Mapping[str, OpProgram]) -> dict[str, OpResult]:
        """What is believed: all that passed, or what was run alone, where some of that disagrees."""
        drawn = self._sample(passed)
        judged = {digest: self._alone(self._blank(programs[digest], digest), programs[digest]) for digest in drawn}
        self.rejudged += len(judged)
        self._disagreed += [
            f"{each.key.name} {digest[:SHOWN]}" for digest, each in judged.items() if not agree(each, passed[digest])
        ]
        believed = passed | judged if self.open else judged
        self.joined += len(believed) - len(judged)
        return believed

    def _sample(self, passed: Mapping[str, OpResult]) -> list[str]:
        due = max(1, (self.joined + self.rejudged + len(passed)) // _SAMPLE) - self.rejudged
        return sorted(passed, key=self._draw)[: max(0, due)]

    def _draw(self, digest: str) -> int:
        seeded = hashlib.sha256(f"{self._work.job.case.seed}:{digest}".encode())
        return int.from_bytes(seeded.digest()[:8])


def agree(alone: OpResult, together: OpResult) -> bool:
    """Whether an operation came to the same end."""
    return (alone.outcome, alone.status, alone.verified) == (together.outcome, together.status, together.verified)

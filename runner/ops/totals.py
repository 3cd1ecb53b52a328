"""Places and results of one case become its operations in numbers."""

from __future__ import annotations

import pathlib
from collections import Counter

from runner.ops.journal import read
from schemas.ops import OpResult, OpUse
from schemas.opwords import OpBackend, OpStatus, OpTotals
from schemas.words import StageStatus


class Tally:
    """Counts as the walk goes."""

    def __init__(self, backend: OpBackend) -> None:
        self._backend = backend
        self._status = [0] * len(OpStatus)
        self._counts: Counter[str] = Counter()
        self.results: dict[str, OpResult] = {}  # by digest
        self.uses: Counter[str] = Counter()  # by digest

    def skip(self) -> None:
        """A place without an operation of its own."""
        self._counts["skipped"] += 1

    def use(self, result: OpResult) -> None:
        """A place whose operation came to this result."""
        self.results[result.digest] = result
        self.uses[result.digest] += 1
        self._status[result.status] += 1
        self._counts["verified"] += result.verified is True
        self._counts["compared"] += result.verified is not None
        self._counts["timeouts"] += result.outcome is StageStatus.TIMEOUT
        self._counts["crashes"] += result.outcome is StageStatus.CRASH
        self._counts["unknown_errors"] += is_unknown(result)

    @property
    def executed(self) -> int:
        """Uses that ran."""
        return self._status[OpStatus.EXECUTED]

    def totals(self, seconds: float) -> OpTotals:
        """The numbers so far."""
        return OpTotals(
            backend=self._backend,
            uses=sum(self.uses.values()),
            unique=len(self.results),
            skipped=self._counts["skipped"],
            by_status=tuple(self._status),
            verified=self._counts["verified"],
            compared=self._counts["compared"],
            timeouts=self._counts["timeouts"],
            crashes=self._counts["crashes"],
            unknown_errors=self._counts["unknown_errors"],
            reused=sum(each.reused for each in self.results.values()),
            seconds=seconds,
        )


def is_unknown(result: OpResult) -> bool:
    """Whether it failed without a word that says why: a timeout and a lack of memory say it by themselves."""
    if result.outcome not in (StageStatus.FAIL, StageStatus.CRASH):
        return False
    return result.error is None or not result.error.excerpt.strip()


def totals_of(path: pathlib.Path) -> OpTotals | None:
    """The numbers of a case whose process died in the middle of its walk, by its journal; None where it has none."""
    tally: Tally | None = None
    results: dict[str, OpResult] = {}
    for line in read(path):
        if isinstance(line, OpResult):
            results[line.digest] = line
        elif isinstance(line, OpUse):
            tally = tally or Tally(line.backend)
            if line.skip is not None:
                tally.skip()
            elif line.digest in results:
                tally.use(results[line.digest])
    return None if tally is None else tally.totals(sum(each.seconds for each in results.values() if not each.reused))

"""What a build comes to, case by case, becomes lines of ``partial.jsonl`` as it happens."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Mapping

import msgspec

from runner.journal import Journal
from schemas.partial import BuildFooter, BuildHeader, BuildStarted, CaseBuilt, Partial
from schemas.record import Provenance, Record


class PartialJournal(Journal):
    """A journal whose lines are partial records; cases that are not built stand in it from the beginning."""

    def __init__(
        self, path: pathlib.Path, header: BuildHeader, whole: Mapping[str, str], as_partial: Callable[[Record], Partial]
    ) -> None:
        super().__init__(path, header)
        self._as_partial = as_partial
        for case, why in sorted(whole.items()):
            self._append(CaseBuilt(partial=Partial(case=case, whole=why)))

    def started(self, case: str, when: str, *together: str) -> None:
        """Cases are about to be built; ``when`` is ISO 8601 UTC."""
        self._append(*(BuildStarted(case=each, started=when) for each in (case, *together)))

    def record(self, *records: Record) -> None:
        """Cases came as far as they can come here."""
        self._append(*(CaseBuilt(partial=self._as_partial(record)) for record in records), durable=True)

    def rerun(self, record: Record) -> None:
        """A case that had failed was built a second time: its line takes the place of the first."""
        self.record(record)

    def _footer(self, provenance: Provenance) -> msgspec.Struct:
        return BuildFooter(provenance=provenance)

"""The text of ``--op`` becomes a choice among a model's places: by index, by the beginning of a digest, or by name."""

from __future__ import annotations

import re

from runner.failures import StageFailure

_DIGEST = re.compile(r"[0-9a-f]{6,64}")
_SHOWN = 12


class Chosen:
    """What is chosen, and what there was to choose from. An empty text chooses everything."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._names: dict[str, None] = {}
        self._count = 0
        self._found = False

    @property
    def all(self) -> bool:
        """Whether nothing was asked for by itself."""
        return not self._text

    def takes(self, index: int, name: str, digest: str) -> bool:
        """Whether this place is one that was asked for."""
        self._names[name] = None
        self._count += 1
        by_digest = bool(_DIGEST.fullmatch(self._text)) and digest.startswith(self._text)
        found = self.all or self._text in (str(index), name) or by_digest
        self._found = self._found or found
        return found

    def check(self) -> None:
        """Raise StageFailure where the model has no such operation."""
        if self._found or self.all:
            return
        from suites.findings import close_names  # noqa: PLC0415 - only a mistake needs it

        near = ", ".join(close_names(self._text, self._names) or list(self._names)[:_SHOWN])
        raise StageFailure(
            f"--op {self._text}: the model has no such operation",
            f"it has {self._count} places\nmend: give an index below that, a digest, or a name such as {near}",
        )

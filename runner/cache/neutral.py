"""What the compiler says of one case's module becomes what it says of every one that is equal, and the other way round.

Paths are a case's own, and so is the name of its entry point: an importer takes it from the model. Modules that differ
in nothing but that name are refused in the same words. One that compiles has the name, and is nobody else's.
"""

from __future__ import annotations

import pathlib
import re
from dataclasses import dataclass

import msgspec

from runner.cache.entries import Failure

#: Stand for a case's folder, its module's path, and what its entry point is called.
_FOLDER, _MODULE, _ENTRY = "\0folder\0", "\0module\0", "\0entry\0"
#: Bytes of a module's text; to read a larger one costs more than its failure is likely to save.
_LARGEST_TEXT = 1 << 20


def nameless_words(said: str, entry: str, module: str, line: int) -> str | None:
    """What the compiler says of a module, without what its entry point is called.

    None where the words may depend on that: they have it in another form than ``@name``, or point into the ``line`` of
    the ``module`` which has it, whose columns are its own.
    """
    name = f"@{entry}"
    if said.count(entry) != said.count(name) or re.search(rf'{re.escape(module)}"?:{line}:', said):
        return None
    return said.replace(name, f"@{_ENTRY}")


def named_words(said: str, entry: str) -> str:
    """Words without a name as they would be of a module whose entry point is called so."""
    return said.replace(_ENTRY, entry)


@dataclass(frozen=True)
class Own:
    """What is a case's own of its module: ``entry`` is what its entry point is called, empty where nobody knows."""

    folder: pathlib.Path
    module: pathlib.Path
    entry: str = ""

    def neutral(self, said: str) -> str:
        """The compiler's words without the case's paths."""
        return said.replace(str(self.module), _MODULE).replace(f"{self.folder}/", _FOLDER)

    def restored(self, said: str) -> str:
        """Neutral words as they would be of this case."""
        said = said.replace(_MODULE, str(self.module)).replace(_FOLDER, f"{self.folder}/")
        return named_words(said, self.entry)

    def nameless(self) -> bytes:
        """The module's text without the name; empty where it is no text, or has the name in another place too."""
        parts = self._parts()
        return b"@(".join(parts) if parts is not None else b""

    def nameless_failure(self, failure: Failure) -> Failure | None:
        """A failure in neutral words as that of all modules with this text; None where the words depend on the name."""
        parts = self._parts()
        if parts is None or failure.extras:
            return None
        said = nameless_words(failure.said, self.entry, _MODULE, parts[0].count(b"\n") + 1)
        return msgspec.structs.replace(failure, said=said) if said is not None else None

    def _parts(self) -> tuple[bytes, bytes] | None:
        name = self.entry.encode()
        try:
            if not name or self.module.suffix != ".mlir" or self.module.stat().st_size > _LARGEST_TEXT:
                return None
            text = self.module.read_bytes()
        except OSError:
            return None
        before, found, after = text.partition(b"@%s(" % name)
        return (before, after) if found and text.count(name) == 1 else None

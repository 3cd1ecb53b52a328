"""One file's old and new text become a diff to review, or the file itself."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from schemas.errors import UsageError

#: Names of suites and targets as manifests allow them: nothing that could lead out of a folder.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Patch(msgspec.Struct, frozen=True, kw_only=True):
    """One file's change. ``old`` is None where the file is new, ``new`` where it goes."""

    file: Path
    old: str | None
    new: str | None

    def diff(self) -> str:
        """A unified diff that ``git apply`` and ``patch`` take."""
        name = self.file.as_posix()
        source = f"a/{name}" if self.old is not None else "/dev/null"
        result = f"b/{name}" if self.new is not None else "/dev/null"
        before, after = _lines(self.old or ""), _lines(self.new or "")
        return "".join(_whole(difflib.unified_diff(before, after, source, result)))

    def apply(self) -> None:
        """Writes the file whole or not at all; raises ``OSError``."""
        if self.new is None:
            self.file.unlink(missing_ok=True)
            return
        self.file.parent.mkdir(parents=True, exist_ok=True)
        draft = self.file.with_name(f".{self.file.name}.part")
        draft.write_bytes(self.new.encode())
        draft.replace(self.file)


def read_text(file: Path) -> str | None:
    """The file's text with its own line ends, or None where there is none; raises ``UsageError`` if it is no text."""
    try:
        return file.read_bytes().decode()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} cannot be read: {error}", "mend or delete it") from None


def _lines(text: str) -> list[str]:
    """Lines as git sees them: only line feeds end one."""
    return [line for line in re.split(r"(?<=\n)", text) if line]


def _whole(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"

"""Turns a plan of generated files into the files of a repository: written, pruned, or only compared."""

from __future__ import annotations

import difflib
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from generator.render import MARK
from schemas.errors import StaleError, UsageError

#: Where generated files live, and how far into a file its mark stands.
FOLDERS = {".github/matrices": "*.json", ".github/workflows": "*.yml"}
_MARKED_BYTES = 400
_DIFF_LINES = 200

Plan = Mapping[str, str]  # path from the repository's root -> text


class Change(msgspec.Struct, frozen=True, order=True):
    """One file that is not as planned; ``new`` is None for a file that nothing generates any more."""

    path: str
    old: str | None
    new: str | None

    @property
    def kind(self) -> str:
        """``missing``, ``orphaned`` or ``stale``."""
        if self.old is None:
            return "missing"
        return "orphaned" if self.new is None else "stale"


def compare(root: Path, plan: Plan) -> tuple[Change, ...]:
    """What differs from the plan. Raises UsageError when a planned file exists and was written by hand."""
    changes = [*_planned(root, plan), *_orphans(root, plan)]
    return tuple(sorted(changes, key=lambda change: change.path))


def apply(root: Path, changes: tuple[Change, ...]) -> None:
    """Writes, each file in one step, and prunes."""
    for change in changes:
        path = root / change.path
        if change.new is None:
            path.unlink()
        else:
            _write(path, change.new)


def require_none(changes: tuple[Change, ...], command: str) -> None:
    """Raises StaleError with a unified diff and the command that mends it, unless there are no changes."""
    if not changes:
        return
    said = [f"{change.kind}: {change.path}" for change in changes]
    diff = [line for change in changes for line in _diff(change)]
    if len(diff) > _DIFF_LINES:
        diff = [*diff[:_DIFF_LINES], f"… {len(diff) - _DIFF_LINES} more lines of difference"]
    raise StaleError("\n".join(["generated files do not match the suites:", *said, *diff]), f"run: {command}")


def _planned(root: Path, plan: Plan) -> Iterator[Change]:
    for path, new in plan.items():
        old = _read(root / path)
        if old == new:
            continue
        if old is not None and not _is_generated(old):
            raise UsageError(
                f"{path} was not written by the generator (its head lacks {MARK!r}); it is left alone",
                "rename that file, or remove it to have it generated",
            )
        yield Change(path, old, new)


def _orphans(root: Path, plan: Plan) -> Iterator[Change]:
    for folder, pattern in FOLDERS.items():
        for file in sorted((root / folder).glob(pattern)):
            path = f"{folder}/{file.name}"
            old = _read(file)
            if path not in plan and old is not None and _is_generated(old):
                yield Change(path, old, None)


def _is_generated(text: str) -> bool:
    return MARK in text[:_MARKED_BYTES]


def _read(path: Path) -> str | None:
    try:
        # Bytes, not text mode: a file with other line ends is not the planned file.
        return path.read_bytes().decode(errors="replace")
    except FileNotFoundError:
        return None


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _diff(change: Change) -> Iterator[str]:
    old, new = ((text or "").splitlines() for text in (change.old, change.new))
    return difflib.unified_diff(old, new, f"{change.path} (committed)", f"{change.path} (generated)", lineterm="")

"""What a format's reader is asked, and what it answers: models that become something to run once they meet a target."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from schemas.case import Expectation, Skip, Source
from schemas.errors import Location
from schemas.imported import Definition, Format, is_address
from schemas.target import Target
from schemas.words import Depth, Stage
from suites.fields import Entry
from suites.findings import Findings


class Resolved(msgspec.Struct, frozen=True, kw_only=True):
    """A model on one target. `depth` is the deepest that makes sense; None: the suite's.

    Without a definition it is an ordinary model, with `flags` for the compiler and the runtime.
    """

    definition: Definition | None
    flags: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    depth: Depth | None = None
    skip: Skip | None = None
    expectation: Expectation | None = None


class ImportedModel(msgspec.Struct, frozen=True, kw_only=True):
    """One definition. `markers` are what a marker expression of the manifest is about."""

    name: str
    place: str  # of its definition
    source: Source | None = None  # of an ordinary model
    at: Location
    markers: tuple[str, ...]
    tags: tuple[str, ...]
    on: Callable[[Target], Resolved | None]  # None: this target is not meant
    wants: str  # the kind of target that is meant, in words
    config: str = ""  # place of the configuration file whose lists say what fails
    test: str = ""  # what they call it
    runs: tuple[Stage, ...] = ()  # where their expected run failures may be


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One `directory:` entry. All folders are places: from the manifest's folder `base`, or absolute."""

    base: Path
    format: Format
    directory: str
    modules: str
    external: str
    config: str | None
    directory_at: Location
    config_at: Location
    strict: bool
    findings: Findings

    def real(self, place: str) -> Path:
        """Where a place lies on this machine."""
        return self.base / place

    def place(self, path: Path) -> str:
        """The place of a file below one of the folders, whichever way it was found."""
        return joined(os.path.relpath(path, self.base)) if not Path(self.directory).is_absolute() else path.as_posix()

    def outside(self, reference: str) -> str:
        """What a definition names: an address as it is, a path from the folder of external files."""
        return reference if is_address(reference) else joined(self.external, reference)


def joined(*parts: str) -> str:
    """Parts of a path as a place: with slashes, without `.` and needless `..`; a later absolute part wins."""
    return Path(os.path.normpath(os.path.join(*parts))).as_posix()  # noqa: PTH118 - lexical: links stay as written


def values(entries: tuple[Entry, ...]) -> tuple[str, ...]:
    """The texts of a list that was read."""
    return tuple(str(entry.value) for entry in entries)

"""Errors that say what, where, why and how to mend it; and the exit codes of all three programs."""

from __future__ import annotations

from enum import IntEnum

import msgspec


class Exit(IntEnum):
    """Process exit codes, the same for every program."""

    OK = 0
    UNEXPECTED = 1  # unexpected outcomes, INFRA, MISSING, a regression
    USAGE = 2  # bad manifest or bad command line
    STALE = 3  # generated files, or a matrix, do not match their sources
    CANNOT_START = 4  # no compiler, no such device
    BUG = 70  # our own bug (sysexits.h EX_SOFTWARE)


class Location(msgspec.Struct, frozen=True, order=True):
    """A place in a text file; ``line`` and ``column`` count from 1, and are 0 when the whole file is meant."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


class Finding(msgspec.Struct, frozen=True, order=True):
    """One thing that is wrong, and how to mend it."""

    location: Location
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        text = f"{self.location}: {self.message}"
        return f"{text}\n    mend: {self.remedy}" if self.remedy else text


class E2EShardError(Exception):
    """Base of every error that a user can mend; ``exit_code`` is what ``main()`` returns for it."""

    exit_code: Exit = Exit.USAGE

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}\n    mend: {self.remedy}" if self.remedy else self.message


class UsageError(E2EShardError):
    """A command line that cannot be obeyed."""


class ManifestError(E2EShardError):
    """One or more findings in the suites; all of them, never only the first."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        self.findings = tuple(sorted(findings))
        super().__init__("\n".join(str(f) for f in self.findings))


class StaleError(E2EShardError):
    """A generated file or a matrix does not match what it was made from."""

    exit_code = Exit.STALE


class CannotStartError(E2EShardError):
    """Nothing could start: no compiler, no device."""

    exit_code = Exit.CANNOT_START


class InfraError(E2EShardError):
    """The world failed, not the model: a download, a full disk, a lost device. One case's INFRA."""

    exit_code = Exit.UNEXPECTED

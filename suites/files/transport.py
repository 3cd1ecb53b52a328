"""What every way to a remote file has in common: an address and an offset become an offer of its bytes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from schemas.errors import InfraError


class NotThereError(InfraError):
    """The server works and has no such file."""


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A server's answer: the file's bytes from ``start`` on, and what it says about the whole."""

    start: int
    size: int | None  # of the whole file, where the server tells
    ends: bool  # whether a cut answer can be told from a whole one
    validator: str = ""  # equal as long as the file is; empty where the server gives none
    md5: str = ""  # Content-MD5 of the whole file
    blocks: Iterator[bytes]


class Transport(Protocol):
    """One way to remote files."""

    def __call__(self, url: str, have: int, validator: str) -> contextlib.AbstractContextManager[Offer]:
        """Open ``url``, from byte ``have`` on if it is still the file that ``validator`` stands for, else from 0.

        While the offer is used too: RetryError where another attempt may help, InfraError where none will.
        """

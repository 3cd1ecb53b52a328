"""The room left on a shard's disk becomes the reason why a case cannot begin, or why its failure is not its own."""

from __future__ import annotations

import os
import pathlib
import re

from runner.infra import as_infra, words_of
from schemas.record import Record
from schemas.words import Outcome

SIGNATURE = "no space left on device"
#: Bytes. Below the first nothing can be trusted to have been written; with less than the second no case is begun: the
#: smallest leaves about 100 KiB of modules, logs and arrays.
_NOTHING = 64 * 1024
_ENOUGH = 1024**2
_INODES = 16
_FULL = re.compile(r"No space left on device|Disk quota exceeded|no space left on device")
_OWN = (Outcome.FAIL, Outcome.CRASH)


class Disk:
    """The file system that a shard's folder lies on."""

    def __init__(self, root: pathlib.Path) -> None:
        self._root = root

    def hinders(self) -> tuple[str, str] | None:
        """Why no case can be begun now, as signature and words; None where there is room."""
        room = self._room()
        return (SIGNATURE, self._why(room)) if room < _ENOUGH else None

    def read(self, record: Record) -> Record:
        """The record; INFRA where the case failed for want of room, whatever it took that for."""
        if record.outcome not in _OWN:
            return record
        room = self._room()
        if room >= _NOTHING and not _FULL.search(words_of(record)):
            return record
        return as_infra(record, SIGNATURE, self._why(room))

    def _why(self, room: int) -> str:
        return (
            f"{self._root} has {room // 1024} KiB left\n"
            "    mend: make room there, or name another folder with --out DIR; temporary files go to TMPDIR"
        )

    def _room(self) -> int:
        """Bytes that this process can still write; 0 also where no further file can be made."""
        try:
            state = os.statvfs(self._root)
        except OSError:
            return 0
        if state.f_files and state.f_ffree < _INODES:
            return 0
        return state.f_frsize * (state.f_bfree if os.geteuid() == 0 else state.f_bavail)


def complaint(output: str) -> str:
    """The lines of a tool's whole output that say that there was no room; what it then fails with may hide them."""
    return "\n".join(line.strip() for line in output.splitlines() if _FULL.search(line))


def is_full(record: Record) -> bool:
    """Whether the record says that a disk was full."""
    return record.outcome is Outcome.INFRA and _FULL.search(words_of(record)) is not None

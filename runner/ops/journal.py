"""Operations of one case become lines of its file as they happen, and such lines what is known after a kill."""

from __future__ import annotations

import os
import pathlib
from collections import Counter
from collections.abc import Iterator

import msgspec

from schemas.codec import encode
from schemas.ops import OpLine, OpResult, OpStarted, OpUse

_LINES: msgspec.json.Decoder[OpLine] = msgspec.json.Decoder(OpLine)


class OpJournal:
    """One case's open journal. Every line reaches the kernel before the call returns."""

    def __init__(self, path: pathlib.Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.results: dict[str, OpResult] = {}  # by digest, of an earlier run of this case
        self._begun: Counter[str] = Counter()
        self._joined: set[str] = set()
        self._used: set[int] = set()
        whole = 0
        for line, end in _whole_lines(path):
            whole = end
            if isinstance(line, OpResult):
                self.results[line.digest] = line
            elif isinstance(line, OpStarted) and line.joined:
                self._joined.add(line.digest)
            elif isinstance(line, OpStarted):
                self._begun[line.digest] += 1
            else:
                self._used.add(line.index)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        os.ftruncate(self._file, whole)
        os.lseek(self._file, 0, os.SEEK_END)

    def begun(self, digest: str) -> int:
        """How often it was begun alone before; one without a result was then in flight when its process died."""
        return self._begun[digest]

    def suspect(self, digest: str) -> bool:
        """Whether it was begun before, alone or with others: it is not to be begun together with others again."""
        return digest in self._joined or self._begun[digest] > 0

    def start(self, case: str, digest: str, *, joined: bool = False) -> None:
        """An operation is about to be run."""
        self._append(OpStarted(case=case, digest=digest, joined=joined))

    def result(self, result: OpResult) -> None:
        """An operation was run, or taken from the store."""
        self._append(result)

    def use(self, use: OpUse) -> None:
        """A place of the model; written once, however often the walk is begun anew."""
        if use.index not in self._used:
            self._used.add(use.index)
            self._append(use)

    def close(self) -> None:
        """Nothing more is written."""
        os.close(self._file)

    def _append(self, line: OpLine) -> None:
        rest = memoryview(encode(line) + b"\n")
        while rest:
            rest = rest[os.write(self._file, rest) :]


def read(path: pathlib.Path) -> Iterator[OpLine]:
    """The lines of a case's operations, one after the other; an unfinished last one, as a kill leaves, is left out."""
    for line, _ in _whole_lines(path):
        yield line


def _whole_lines(path: pathlib.Path) -> Iterator[tuple[OpLine, int]]:
    """Each line and where it ends; up to the first that is none."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    end = 0
    with file:
        for text in file:
            end += len(text)
            if not text.endswith(b"\n"):
                return
            try:
                line = _LINES.decode(text)
            except (msgspec.MsgspecError, UnicodeError):
                return
            yield line, end

"""Stretches of many files, read one at a time without keeping every file open."""

from __future__ import annotations

import os
import resource
from collections import OrderedDict
from types import TracebackType
from typing import Self

#: Files kept open at a time: more than the 256 shards of a large run, in whose files neighbouring records lie.
_MOST_OPEN = 600


class Spans:
    """Use it as a context manager, which closes the files."""

    def __init__(self) -> None:
        self._open: OrderedDict[str, int] = OrderedDict()
        allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)  # -1: no limit
        self._most = _MOST_OPEN if allowed < 0 else max(1, min(_MOST_OPEN, allowed // 2))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._open:
            os.close(self._open.popitem()[1])

    def read(self, path: str, offset: int, length: int) -> bytes:
        """``length`` bytes at ``offset`` of ``path``."""
        number = self._open.pop(path, None)
        if number is None:
            if len(self._open) >= self._most:
                os.close(self._open.popitem(last=False)[1])
            number = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._open[path] = number
        return os.pread(number, length, offset)

"""Where the two halves of a shard leave what they leave, and find it."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

#: Below a shard's folder: what its build left, beside what the shard itself leaves.
BUILD = "build"


def build_folder(shard: pathlib.Path) -> pathlib.Path:
    """Where the build of a shard leaves its partial records, logs, and the bundles of cases that failed there."""
    return shard / BUILD


def handover_folder(handover: pathlib.Path, suite: str, target: str, shard: int) -> pathlib.Path:
    """Where the build of a shard leaves the bundles that its device goes on from."""
    return handover / suite / target / str(shard)


def roots(handover: pathlib.Path) -> Iterator[pathlib.Path]:
    """The folder itself, and those in it: an artifact that was downloaded lies in one of its own name."""
    yield handover
    if handover.is_dir():
        yield from sorted(each for each in handover.iterdir() if each.is_dir() and not each.is_symlink())

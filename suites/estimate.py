"""Recorded durations of one target turned into what a case without one should take: the p75 of those most like it.

What a case is like is read from its key `model@path`, of which the path ends in `+op-by-op` where it goes op by op, and
from its model's tags. The nearest group with enough members counts.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from suites.catalog import NODE_FOLDER

OPS = "+op-by-op"  # ends the keys of cases that go op by op, which take another time than whole models
_PERCENTILE = 0.75
_ENOUGH = 3  # members of a group; one is enough of the same model, and of everything there is

TagsOf = Callable[[str], tuple[str, ...]]


class Estimate(msgspec.Struct, frozen=True):
    """Seconds that a case should take, and why; ``target`` is that of the file they come from, where it is one."""

    seconds: float
    why: str
    target: str = ""


class Group(msgspec.Struct, frozen=True):
    """Cases that are like each other: how they are named to a person, and how many must be there."""

    name: str
    enough: int = _ENOUGH


class Groups:
    """The durations of one target by what their cases are like; grouped when first asked."""

    def __init__(self, target: str, seconds: Mapping[str, float], tags_of: TagsOf) -> None:
        self._target = target
        self._seconds = seconds
        self._tags_of = tags_of
        self._members: dict[str, list[float]] | None = None
        self._known: dict[str, Estimate] = {}

    def estimate(self, key: str) -> Estimate | None:
        """From the nearest group; None where nothing was recorded of the kind."""
        if self._members is None:
            self._members = defaultdict(list)
            for each, seconds in self._seconds.items():
                for group in groups_of(each, self._tags_of(model_of(each))):
                    self._members[group.name].append(seconds)
        for group in groups_of(key, self._tags_of(model_of(key))):
            members = self._members.get(group.name, ())
            if len(members) >= group.enough:
                if group.name not in self._known:
                    why = f"p75 of {len(members)}: {group.name}"
                    self._known[group.name] = Estimate(p75(members), why, self._target)
                return self._known[group.name]
        return None


def groups_of(key: str, tags: Sequence[str]) -> Iterator[Group]:
    """What a case is like, the nearest first: each once."""
    model, path = model_of(key), key.rpartition("@")[2]
    ops = OPS if path.endswith(OPS) else ""
    folder = model.rpartition("/")[0]
    yield Group(f"model {model}{ops}", enough=1)
    if f"{folder}/" == NODE_FOLDER and tags:
        yield Group(f"operator {tags[0]} of {folder}@{path}")
        yield Group(f"operator {tags[0]} of {folder}{ops}")
    while folder:
        yield Group(f"folder {folder}@{path}")
        yield Group(f"folder {folder}{ops}")
        if tags:
            yield Group(f"tags {' '.join(sorted(tags))}@{path}")
            tags = ()
        folder = folder.rpartition("/")[0]
    yield Group(f"all of the target@{path}")
    yield Group(f"all of the target{ops}", enough=1)


def model_of(key: str) -> str:
    """`onnx/node/test_abs` of `onnx/node/test_abs@onnx`."""
    return key.rpartition("@")[0]


def p75(values: Sequence[float]) -> float:
    """The smallest sample that at least three quarters of all samples do not exceed."""
    return sorted(values)[math.ceil(_PERCENTILE * len(values)) - 1]

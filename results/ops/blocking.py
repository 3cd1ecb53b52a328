"""Failing operations become what blocks models: which to mend first, and how many models that frees. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable

import msgspec

from results.ops.rows import Blocking

_NAMED = 25


class Failing(msgspec.Struct, frozen=True, gc=False):
    """One unique operation that fails in one case, at one or several places."""

    target: str
    backend: str
    name: str
    stopped: str
    outcome: str
    signature: str
    case: str
    model: str
    digest: str
    status: int
    uses: int


class _Group:
    def __init__(self, first: Failing) -> None:
        self.first = first
        self.models: dict[str, set[str]] = defaultdict(set)  # model -> its cases
        self.digests: set[str] = set()
        self.names: Counter[str] = Counter()
        self.ways: Counter[tuple[str, str, str]] = Counter()
        self.uses = 0
        self.lowest = first.status


def by_operation(failing: Iterable[Failing]) -> tuple[Blocking, ...]:
    """One entry an operation's name, target and backend."""
    return _ranked(failing, lambda each: (each.target, each.backend, each.name), named=True)


def by_signature(failing: Iterable[Failing]) -> tuple[Blocking, ...]:
    """One entry a way to fail: target, step, outcome and signature."""
    return _ranked(failing, lambda each: (each.target, each.stopped, each.outcome, each.signature), named=False)


def _ranked(failing: Iterable[Failing], key: Callable[[Failing], Hashable], *, named: bool) -> tuple[Blocking, ...]:
    groups: dict[Hashable, _Group] = {}
    of_case: dict[str, set[Hashable]] = defaultdict(set)
    for each in failing:
        at = key(each)
        group = groups.get(at)
        if group is None:
            group = groups[at] = _Group(each)
        group.models[each.model].add(each.case)
        group.digests.add(each.digest)
        group.names[each.name] += each.uses
        group.ways[each.stopped, each.outcome, each.signature] += each.uses
        group.uses += each.uses
        group.lowest = min(group.lowest, each.status)
        of_case[each.case].add(at)
    found = [_entry(group, of_case, named=named) for group in groups.values()]
    found.sort(key=lambda b: (-b.models, -b.frees, -b.uses, b.target, b.backend, b.name, b.stopped, b.signature))
    return tuple(found)


def _entry(group: _Group, of_case: dict[str, set[Hashable]], *, named: bool) -> Blocking:
    """A model is freed where nothing else blocks any of its cases that this blocks."""
    freed = sum(all(len(of_case[case]) == 1 for case in cases) for cases in group.models.values())
    stopped, outcome, signature = min(group.ways, key=lambda way: (-group.ways[way], way))
    return Blocking(
        target=group.first.target,
        backend=group.first.backend,
        name=group.first.name if named else "",
        stopped=stopped,
        outcome=outcome,
        signature=signature,
        ways=len(group.ways),
        models=len(group.models),
        frees=freed,
        uses=group.uses,
        unique=len(group.digests),
        lowest=group.lowest,
        named=tuple(sorted(group.models)[:_NAMED]),
        operations=tuple(sorted(group.names, key=lambda name: (-group.names[name], name))[:_NAMED]),
    )

"""Mistakes collected into findings: all of them at once, with close names offered for unknown ones."""

from __future__ import annotations

import functools
from collections import Counter, defaultdict
from collections.abc import Iterable

from schemas.errors import Finding, Location

_CANDIDATES = 24  # names compared letter by letter after the index has ranked all of them
_CUTOFF = 0.6
_SPREAD = 0.05  # how much worse than the best a name may fit to be offered beside it
_GRAM = 3


class Findings:
    """A growing set of findings; the same mistake seen twice is kept once."""

    def __init__(self) -> None:
        self._items: dict[Finding, None] = {}

    def add(self, location: Location, message: str, remedy: str = "") -> None:
        """Record one mistake: what is wrong, where, and how to mend it."""
        self._items[Finding(location, message, remedy)] = None

    def all(self) -> tuple[Finding, ...]:
        """Every finding, sorted by place."""
        return tuple(sorted(self._items))

    def __bool__(self) -> bool:
        return bool(self._items)

    def __len__(self) -> int:
        return len(self._items)


def close_names(name: str, choices: Iterable[str], limit: int = 3) -> tuple[str, ...]:
    """The names most like `name`, best first; stays in milliseconds over thousands of choices."""
    import difflib  # noqa: PLC0415 - only a mistake needs it

    names = tuple(choices)
    if not name:
        return ()
    tail = [c for c in names if c.rsplit("/", 1)[-1] == name]
    ranked = _ranked(name.lower(), names) if len(names) > _CANDIDATES else names
    by_folded = {c.lower(): c for c in reversed(ranked)}
    matches = difflib.get_close_matches(name.lower(), list(by_folded), n=limit, cutoff=_CUTOFF)
    scores = [difflib.SequenceMatcher(None, name.lower(), match).ratio() for match in matches]
    close = [match for match, score in zip(matches, scores, strict=True) if score >= scores[0] - _SPREAD]
    return tuple(dict.fromkeys([*tail, *(by_folded[c] for c in close)]))[:limit]


def did_you_mean(name: str, choices: Iterable[str], otherwise: str = "") -> str:
    """A remedy for an unknown name: the close ones; else `otherwise`; else all choices when they are few."""
    names = tuple(choices)
    close = close_names(name, names)
    if close:
        return f"did you mean {' or '.join(close)}?"
    if otherwise or not names:
        return otherwise
    return f"use one of: {', '.join(names)}" if len(names) <= _CANDIDATES else ""


def _grams(text: str) -> set[str]:
    padded = f"/{text}/"
    return {padded[i : i + _GRAM] for i in range(len(padded) - _GRAM + 1)}


@functools.lru_cache(maxsize=8)
def _index(names: tuple[str, ...]) -> dict[str, list[int]]:
    index: dict[str, list[int]] = defaultdict(list)
    for number, name in enumerate(names):
        for gram in _grams(name.lower()):
            index[gram].append(number)
    return index


def _ranked(name: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """The names that share most three-letter pieces with `name`; pieces that nearly all share say nothing."""
    index = _index(names)
    lists = sorted((index[g] for g in _grams(name) if g in index), key=len)
    votes: Counter[int] = Counter()
    for numbers in lists:
        if votes and len(numbers) > len(names) // 4:
            break
        votes.update(numbers)
    best = sorted(votes, key=lambda n: (-votes[n], len(names[n]), names[n]))[:_CANDIDATES]
    return tuple(names[n] for n in best)

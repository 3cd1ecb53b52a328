"""Turns the expected durations of cases into a given number of shards, as even as a bounded search finds them.

Longest first is nearly always good enough. Where it is over the least possible by more than a thousandth, pairs of its
shards are divided anew: each keeps its share of long cases, so that durations which come true otherwise even out as
well as before. MultiFit, which has shards of few long cases beside shards of many short ones, is tried where that does
not help. The result depends on durations and keys alone; its longest shard is never longer than that of longest first.
"""

from __future__ import annotations

import bisect
import heapq
from collections.abc import Collection, Mapping

Shards = tuple[tuple[str, ...], ...]  # case keys, sorted, per shard

_Items = list[tuple[int, str]]  # (minus milliseconds, key): sorted, the longest comes first

#: Above the least possible by one part in so many, another assignment is searched for.
_CLOSE = 1000
#: Capacities that MultiFit tries; each halves the range between the least possible and longest first.
_TRIALS = 12
#: Up to so many cases, all ways to divide two shards are tried: 2 ** (cases - 1) sums.
_EXHAUSTIVE = 12
#: Cases that the search may look at, each time it looks at one: a fraction of a second.
_EFFORT = 100_000


def balanced(costs: Mapping[str, int], count: int) -> Shards:
    """Assigns ``costs`` (case key -> milliseconds) to ``count`` shards; none is empty while ``count <= len(costs)``."""
    if count == 0:
        return ()
    items = sorted((-cost, key) for key, cost in costs.items())
    found = _longest_first(items, count)
    least = least_possible(costs.values(), count)
    enough = least + least // _CLOSE
    _divide_anew(found, enough)
    if _longest(found) > enough:
        fitted = _multifit(items, count, least, _longest(found))
        if fitted is not None:
            _divide_anew(fitted, enough)
            found = fitted
    return tuple(tuple(sorted(key for _, key in shard)) for shard in found)


def longest_first(costs: Mapping[str, int], count: int) -> Shards:
    """Assigns ``costs`` (case key -> milliseconds) to ``count`` shards: longest case first, to the least loaded shard.

    Ties are broken by key, then by number of cases, then by shard: no shard stays empty while ``count <= len(costs)``.
    The longest shard's sum is at most 4/3 - 1/(3 * count) of the least possible (Graham, 1969).
    """
    items = sorted((-cost, key) for key, cost in costs.items())
    return tuple(tuple(sorted(key for _, key in shard)) for shard in _longest_first(items, count))


def least_possible(costs: Collection[int], count: int) -> int:
    """A bound that no assignment to ``count`` shards can be below: the mean, or the longest case.

    Or the two that must meet: of the ``count + 1`` longest cases, two share a shard.
    """
    longest = heapq.nlargest(count + 1, costs)
    pair = longest[-1] + longest[-2] if len(longest) == count + 1 and count > 0 else 0
    return max(-(-sum(costs) // count), longest[0], pair) if longest else 0


def _longest_first(items: _Items, count: int) -> list[_Items]:
    heap = [(0, 0, shard) for shard in range(count)]
    shards: list[_Items] = [[] for _ in range(count)]
    for item in items:
        load, size, shard = heap[0]
        shards[shard].append(item)
        heapq.heapreplace(heap, (load - item[0], size + 1, shard))
    return shards


def _multifit(items: _Items, count: int, least: int, most: int) -> list[_Items] | None:
    """The assignment below ``most`` of the least capacity that best fit needs; None where there is none.

    Coffman, Garey and Johnson, "An application of bin-packing to multiprocessor scheduling", 1978.
    """
    best: list[_Items] | None = None
    low, high = least, most
    for _ in range(_TRIALS):
        if low >= high:
            break
        capacity = (low + high) // 2
        packed = _best_fit(items, count, capacity)
        if packed is None:
            low = capacity + 1
        else:
            best, high = packed, _longest(packed)
    return best


def _best_fit(items: _Items, count: int, capacity: int) -> list[_Items] | None:
    """Each item, longest first, to the fullest shard that has room for it; None where one finds no room."""
    rooms = [(capacity, shard) for shard in range(count)]
    shards: list[_Items] = [[] for _ in range(count)]
    for item in items:
        place = bisect.bisect_left(rooms, (-item[0], -1))
        if place == count:
            return None
        room, shard = rooms.pop(place)
        shards[shard].append(item)
        bisect.insort(rooms, (room + item[0], shard))
    _fill_empty(shards)
    return shards


def _fill_empty(shards: list[_Items]) -> None:
    """Shards that best fit did not need get the shortest case of one that has several: no shard becomes longer."""
    for empty in (shard for shard in shards if not shard):
        giver = max(shards, key=len)
        if len(giver) > 1:
            empty.append(giver.pop())


def _divide_anew(shards: list[_Items], enough: int) -> None:
    """Divides the longest shard and another one anew, the shortest first, until it is short enough or nothing helps."""
    loads = [_load(shard) for shard in shards]
    effort = _EFFORT
    while effort > 0:
        longest = max(range(len(shards)), key=lambda shard: (loads[shard], -shard))
        if loads[longest] <= enough:
            return
        for other in sorted(range(len(shards)), key=lambda shard: (loads[shard], shard)):
            if other == longest or effort <= 0:
                continue
            pool = sorted(shards[longest] + shards[other])
            effort -= len(pool)
            halves = _halves(pool)
            new = _load(halves[0]), _load(halves[1])
            if max(new) < loads[longest]:
                shards[longest], shards[other] = halves
                loads[longest], loads[other] = new
                break
        else:
            return


def _halves(pool: _Items) -> tuple[_Items, _Items]:
    """Two parts of nearly the same sum."""
    return _best_halves(pool) if len(pool) <= _EXHAUSTIVE else _differenced(pool)


def _best_halves(pool: _Items) -> tuple[_Items, _Items]:
    """The best there are; the first case is in the first half."""
    rest = pool[1:]
    sums = [0]
    for cost, _ in rest:
        sums += [each - cost for each in sums]
    wanted = -sum(cost for cost, _ in pool) / 2 + pool[0][0]
    best = min(range(len(sums)), key=lambda subset: abs(sums[subset] - wanted))
    first = [item for bit, item in enumerate(rest) if best >> bit & 1]
    second = [item for bit, item in enumerate(rest) if not best >> bit & 1]
    return [pool[0], *first], second


def _differenced(pool: _Items) -> tuple[_Items, _Items]:
    """The differencing method of Karmarkar and Karp, 1982: the two largest go apart, and count as their difference."""
    apart: list[list[int]] = [[] for _ in pool]  # a forest: neighbours lie in different halves
    heap = [(cost, place) for place, (cost, _) in enumerate(pool)]
    heapq.heapify(heap)
    while len(heap) > 1:
        cost, place = heapq.heappop(heap)
        less, other = heap[0]
        apart[place].append(other)
        apart[other].append(place)
        heapq.heapreplace(heap, (cost - less, place))
    halves: tuple[_Items, _Items] = ([], [])
    stack = [(0, -1, 0)]
    while stack:
        place, before, half = stack.pop()
        halves[half].append(pool[place])
        stack += [(each, place, 1 - half) for each in apart[place] if each != before]
    return halves


def _load(shard: _Items) -> int:
    return -sum(cost for cost, _ in shard)


def _longest(shards: list[_Items]) -> int:
    return max(map(_load, shards), default=0)

"""Turns the expected durations of cases into shards: balanced, set-up counted, good assignments kept."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence

import msgspec

from generator.balance import Shards, balanced
from schemas.target import Target

#: Cores of a hosted ubuntu-24.04 machine (public repositories). A target with ``jobs: 0`` runs one case per core; the
#: generator cannot see the machine, so it plans with this number for self-hosted machines too.
ASSUMED_CORES = 4

#: How much worse than the best found an assignment may be before its cases are moved.
TOLERATED = 1.10


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What a target allows. Durations in whole milliseconds: integer sums do not depend on the order of adding."""

    setup: int  # spent by every shard before its first case
    budget: int  # one shard's whole job
    lanes: int  # cases at a time
    capacity: int  # shards at a time


def rules_of(target: Target, added_setup: float = 0.0) -> Rules:
    """The rules of one target; an exclusive device runs one case at a time whatever ``jobs`` says.

    ``added_setup``: seconds that some shards' set-up takes beyond the target's own.
    """
    lanes = 1 if target.exclusive_device else target.jobs or ASSUMED_CORES
    return Rules(
        setup=milliseconds(target.setup_seconds + added_setup),
        budget=milliseconds(target.shard_minutes * 60),
        lanes=lanes,
        capacity=max(1, target.capacity),
    )


#: Of the builder's shard-timeout, what its part of a shard is planned to take at most: an estimate needs room.
_OF_TIMEOUT = 0.5


def limit_of(builder: Target, rules: Rules) -> int:
    """Milliseconds of work that one shard may ask of the machine that builds it, all lanes together."""
    return max(1, round(milliseconds(builder.shard_timeout) * _OF_TIMEOUT) * rules.lanes)


def weighed(device: Mapping[str, int], rules: Rules, build: Mapping[str, int], limit: int) -> dict[str, int]:
    """One cost a case where two machines share it: its device's, or its build's as far as that part is of ``limit``.

    Cases whose costs fill no shard's budget in this measure exceed neither machine's.
    """
    room = max(1, rules.budget - rules.setup) * rules.lanes
    return {key: max(cost, -(-build[key] * room // limit)) for key, cost in device.items()}


def milliseconds(seconds: float) -> int:
    """Whole milliseconds, never negative."""
    return max(0, round(seconds * 1000))


def wall(costs: Mapping[str, int], keys: Sequence[str], rules: Rules) -> int:
    """Expected milliseconds of one shard's job: set-up, then its cases on the target's lanes."""
    work = [costs[key] for key in keys]
    return rules.setup + max(-(-sum(work) // rules.lanes), max(work, default=0))


def longest(costs: Mapping[str, int], shards: Shards, rules: Rules) -> int:
    """Expected milliseconds of the longest shard; 0 when there is none."""
    return max((wall(costs, keys, rules) for keys in shards), default=0)


def shard_count(costs: Mapping[str, int], rules: Rules) -> int:
    """The fewest shards that stay within the budget, rounded up to whole waves of machines.

    A case longer than the budget gets a shard of its own and does not make the other shards smaller.
    """
    if not costs:
        return 0
    room = max(1, rules.budget - rules.setup) * rules.lanes
    count = min(len(costs), max(1, -(-sum(min(cost, room) for cost in costs.values()) // room)))
    limit = _allowed(costs, rules)
    while count < len(costs) and longest(costs, balanced(costs, count), rules) > limit:
        count = min(len(costs), max(count + 1, count * 21 // 20))
    if count > rules.capacity:
        # The last wave of machines takes as long as the others: fill it.
        count = -(-count // rules.capacity) * rules.capacity
    return min(count, len(costs))


def plan(costs: Mapping[str, int], rules: Rules, previous: Shards = (), *, rebalance: bool = False) -> Shards:
    """Shards for ``costs``: the ``previous`` ones with what is new added, unless a fresh assignment is clearly better.

    Planning again with the result as ``previous`` gives the result.
    """
    best = balanced(costs, shard_count(costs, rules))
    kept = () if rebalance else _keep(costs, previous)
    return kept if kept and _good_enough(costs, rules, kept, best) else best


def _allowed(costs: Mapping[str, int], rules: Rules) -> int:
    """The budget, or the job of the longest case where that alone exceeds it."""
    return max(rules.budget, rules.setup + max(costs.values(), default=0))


def _keep(costs: Mapping[str, int], previous: Shards) -> Shards:
    """Every case where it was, new cases longest first to the least loaded; ``()`` when a shard would be empty."""
    members = [[key for key in dict.fromkeys(keys) if key in costs] for keys in previous]
    placed: set[str] = set()
    for keys in members:
        keys[:] = [key for key in keys if key not in placed]
        placed.update(keys)
    heap = [(sum(costs[key] for key in keys), len(keys), shard) for shard, keys in enumerate(members)]
    if not heap:
        return ()
    heapq.heapify(heap)
    for key in sorted(costs.keys() - placed, key=lambda k: (-costs[k], k)):
        load, size, shard = heap[0]
        members[shard].append(key)
        heapq.heapreplace(heap, (load + costs[key], size + 1, shard))
    return tuple(tuple(sorted(keys)) for keys in members) if all(members) else ()


def _good_enough(costs: Mapping[str, int], rules: Rules, kept: Shards, best: Shards) -> bool:
    """Whether ``kept`` is at most 10 % worse: in balance at its own number of shards, and in what that number costs."""
    if kept == best:
        return True
    longest_kept = longest(costs, kept, rules)
    if longest_kept > TOLERATED * longest(costs, balanced(costs, len(kept)), rules):
        return False
    if len(kept) == len(best):
        return True
    spent_kept, spent_best = (sum(wall(costs, keys, rules) for keys in shards) for shards in (kept, best))
    return longest_kept <= TOLERATED * _allowed(costs, rules) and spent_kept <= TOLERATED * spent_best

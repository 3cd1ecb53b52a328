"""Measures how even shards are: the longest shard over the least possible, by algorithm, shape of durations and noise.

    pip install --require-hashes --target FOLDER -r requirements/bench.txt
    PYTHONPATH=FOLDER python benchmarks/sharding.py [--trials 200] [--shards 4 12 64]

Assignments are made with expected durations; with noise, what counts is the longest shard by the durations that come
true, which differ from the expected ones by that much (lognormal). Ops-like durations: clusters of cases that stand
side by side and take alike long. Model-like: few long ones among many short. The bound is the mean, or the
longest case where that alone is longer, so that 1 may be out of reach where shards have few cases. Both algorithms of
pytest-split are run as that package has them; its plug-in is not loaded.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from random import Random
from statistics import median, quantiles
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.tables import Result, options
from generator import balance

Costs = Mapping[str, int]
Groups = Sequence[Sequence[str]]
Algorithm = Callable[[Costs, int], Groups]
Algorithms = Mapping[str, Algorithm]

SHARDS = (4, 8, 12, 16, 32, 64, 128, 256)
NOISES = (0.0, 0.1, 0.3, 0.5)
MOST = 1.005


def main() -> int:
    """Prints the tables; 1 where our assignment is worse than it must be."""
    parser = options(__doc__)
    parser.add_argument("--trials", type=int, default=30, help="draws of durations for each row")
    parser.add_argument("--scale", type=float, default=1.0, help="times as many cases: 2,000 ops-like, 400 model-like")
    parser.add_argument("--shards", type=int, nargs="+", default=SHARDS)
    given = parser.parse_args()
    result = Result("Longest shard over the bound: median / 95th percentile", ("pytest-split",))
    algorithms = ALGORITHMS | pytest_split()
    exact: list[dict[str, float]] = []
    for shape, (draw, full) in SHAPES.items():
        cases = max(2, round(full * given.scale))
        for noise in NOISES:
            rows = []
            for count in given.shards:
                draws = []
                for trial in range(given.trials):
                    random = Random(f"{shape} {cases} {trial}")  # the same durations whatever the noise and the shards
                    expected = {f"case{number:05}": cost for number, cost in enumerate(draw(random, cases))}
                    draws.append(dict(one(expected, noise, random, count, algorithms)))
                exact += [] if noise else draws
                rows.append([str(count), *(told([each[name] for each in draws]) for name in algorithms)])
            what = f"{noise:.0%} noise" if noise else "exact durations"
            result.table(f"{cases} {shape} cases, {what}", ["shards", *algorithms], rows)
    worse = sum(each["ours"] > min(each.values()) for each in exact)
    worst = max(each["ours"] for each in exact)
    result.verdict(
        worse == 0, f"with exact durations, ours is worse than the best of the others in {worse} of {len(exact)} draws"
    )
    result.verdict(
        worst <= MOST, f"with exact durations, ours is at most {worst:.4f} of the bound ({MOST} is asked for)"
    )
    return result.show(as_json=given.json)


def one(
    expected: Costs, noise: float, random: Random, count: int, algorithms: Algorithms
) -> Iterator[tuple[str, float]]:
    """Each algorithm's ratio in one draw of durations."""
    true = {key: round(cost * random.lognormvariate(0, noise)) for key, cost in expected.items()} if noise else expected
    bound = max(sum(true.values()) / count, *true.values())
    for name, algorithm in algorithms.items():
        groups = algorithm(expected, count)
        if sorted(key for keys in groups for key in keys) != list(expected):
            raise SystemExit(f"{name} lost cases")
        yield name, max(sum(true[key] for key in keys) for keys in groups) / bound


def ops_like(random: Random, count: int) -> list[int]:
    """Milliseconds: clusters of 1 to 24 cases, half a second in the median, each case 20 % around its cluster's."""
    costs: list[int] = []
    while len(costs) < count:
        centre = 500 * random.lognormvariate(0, 0.8)
        costs += [max(1, round(centre * random.lognormvariate(0, 0.2))) for _ in range(random.randint(1, 24))]
    return costs[:count]


def model_like(random: Random, count: int) -> list[int]:
    """Milliseconds: 20 seconds in the median, one in forty over three minutes."""
    return [max(1, round(20_000 * random.lognormvariate(0, 1.15))) for _ in range(count)]


def round_robin(costs: Costs, count: int) -> Groups:
    """Every case to the next shard."""
    keys = list(costs)
    return [keys[shard::count] for shard in range(count)]


def hashed(costs: Costs, count: int) -> Groups:
    """By a digest of the key."""
    groups: list[list[str]] = [[] for _ in range(count)]
    for key in costs:
        groups[int.from_bytes(hashlib.sha256(key.encode()).digest()[:8]) % count].append(key)
    return groups


def equal_counts(costs: Costs, count: int) -> Groups:
    """Neighbours together, as many everywhere."""
    keys = list(costs)
    edges = [len(keys) * shard // count for shard in range(count + 1)]
    return [keys[start:end] for start, end in pairwise(edges)]


def pytest_split() -> dict[str, Algorithm]:
    """Its two algorithms; none where the package is not there."""
    try:
        from pytest_split import algorithms  # noqa: PLC0415 - a package of this benchmark alone
    except ImportError:
        print("without pytest-split, which is not installed: see --help", file=sys.stderr)
        return {}

    def adapted(algorithm: Any) -> Algorithm:
        def run(costs: Costs, count: int) -> Groups:
            items = [SimpleNamespace(nodeid=key) for key in costs]
            return [[item.nodeid for item in group.selected] for group in algorithm.value(count, items, costs)]

        return run

    return {f"pytest-split {each.name}": adapted(each) for each in algorithms.Algorithms}


def told(ratios: Sequence[float]) -> str:
    """Median and 95th percentile."""
    return f"{median(ratios):.3f} / {quantiles(ratios, n=20)[-1] if len(ratios) > 1 else ratios[0]:.3f}"


SHAPES = {"ops-like": (ops_like, 2000), "model-like": (model_like, 400)}
ALGORITHMS: dict[str, Algorithm] = {
    "round robin": round_robin,
    "hash": hashed,
    "equal counts": equal_counts,
    "ours": balance.balanced,
}

if __name__ == "__main__":
    sys.exit(main())

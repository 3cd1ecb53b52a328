"""Laws of the balance: nothing vanishes, nothing is empty, and searching never makes the longest shard longer."""

import itertools
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator import balance
from generator.balance import Shards

costs_maps = st.dictionaries(st.text("abcdef/", min_size=1, max_size=6), st.integers(0, 10_000), max_size=60)
durations_lists = st.lists(st.integers(0, 50), min_size=1, max_size=7)


def longest(costs: dict[str, int], shards: Shards) -> int:
    return max(sum(costs[key] for key in keys) for keys in shards)


def drawn(count: int, seed: int, spread: float) -> dict[str, int]:
    random = Random(seed)
    return {f"case{number:05}": round(1000 * random.lognormvariate(0, spread)) for number in range(count)}


@given(costs_maps, st.integers(1, 12))
def test_every_case_is_in_exactly_one_shard_and_none_is_empty_while_there_are_cases(
    costs: dict[str, int], count: int
) -> None:
    shards = balance.balanced(costs, count)
    assert len(shards) == count
    assert sorted(itertools.chain.from_iterable(shards)) == sorted(costs)
    assert all(shards) or count > len(costs)


@given(costs_maps, st.integers(1, 12), st.randoms(use_true_random=False))
def test_the_order_of_the_input_does_not_matter(costs: dict[str, int], count: int, random: Random) -> None:
    shuffled = list(costs.items())
    random.shuffle(shuffled)
    assert balance.balanced(dict(shuffled), count) == balance.balanced(costs, count)


@given(costs_maps, st.integers(1, 12))
def test_the_longest_shard_is_between_the_least_possible_and_that_of_longest_first(
    costs: dict[str, int], count: int
) -> None:
    reached = longest(costs, balance.balanced(costs, count))
    least = balance.least_possible(costs.values(), count)
    assert least <= reached <= longest(costs, balance.longest_first(costs, count))


@given(durations_lists, st.integers(1, 3))
def test_no_assignment_is_below_the_least_possible(durations: list[int], count: int) -> None:
    def makespan(choice: tuple[int, ...]) -> int:
        return max(sum(d for d, c in zip(durations, choice, strict=True) if c == shard) for shard in range(count))

    best = min(makespan(choice) for choice in itertools.product(range(count), repeat=len(durations)))
    assert balance.least_possible(durations, count) <= best


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=10))
def test_two_shards_of_a_few_cases_are_divided_as_evenly_as_can_be(durations: list[int]) -> None:
    costs = {f"case{number}": duration for number, duration in enumerate(durations)}
    splits = itertools.product((0, 1), repeat=len(durations))
    best = min(
        max(sum(itertools.compress(durations, s)), sum(durations) - sum(itertools.compress(durations, s)))
        for s in splits
    )
    reached = longest(costs, balance.balanced(costs, 2))
    assert best <= reached <= best + best // 1000


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("cases", "shards", "spread"), [(60, 6, 0.5), (400, 24, 1.0), (2000, 128, 0.8)])
def test_where_longest_first_is_over_the_bound_the_search_comes_close_to_it(
    cases: int, shards: int, spread: float, seed: int
) -> None:
    costs = drawn(cases, seed, spread)
    reached = longest(costs, balance.balanced(costs, shards))
    assert reached <= 1.005 * balance.least_possible(costs.values(), shards)


def test_grahams_worst_case_is_solved() -> None:
    costs = dict(zip("abcde", (3000, 3000, 2000, 2000, 2000), strict=True))
    assert longest(costs, balance.longest_first(costs, 2)) == 7000
    assert balance.balanced(costs, 2) == (("a", "b"), ("c", "d", "e"))


def test_best_fit_that_needs_fewer_shards_leaves_none_empty() -> None:
    items = sorted((-cost, key) for key, cost in {"a": 4, "b": 0, "c": 0, "d": 2}.items())
    packed = balance._best_fit(items, 3, 6)
    assert packed is not None
    assert all(packed)
    assert sorted(itertools.chain.from_iterable(packed)) == items

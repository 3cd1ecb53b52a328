"""Laws of sharding: nothing vanishes, nothing is empty, balance is bounded, and assignments stay put."""

import itertools
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator import balance, sharding
from generator.sharding import Rules, Shards

MINUTE = 60_000

costs_maps = st.dictionaries(st.text("abcdef/", min_size=1, max_size=6), st.integers(0, 10 * MINUTE), max_size=40)
rules_values = st.builds(
    Rules,
    setup=st.integers(0, 3 * MINUTE),
    budget=st.integers(MINUTE, 30 * MINUTE),
    lanes=st.integers(1, 8),
    capacity=st.integers(1, 12),
)


def each_once(costs: dict[str, int], shards: Shards) -> bool:
    return sorted(itertools.chain.from_iterable(shards)) == sorted(costs)


@given(costs_maps, rules_values)
def test_every_case_is_in_exactly_one_shard_and_no_shard_is_empty(costs: dict[str, int], rules: Rules) -> None:
    shards = sharding.plan(costs, rules)
    assert each_once(costs, shards)
    assert all(shards)


@given(costs_maps, rules_values, st.randoms(use_true_random=False))
def test_the_order_of_the_input_does_not_matter(costs: dict[str, int], rules: Rules, random: Random) -> None:
    shuffled = list(costs.items())
    random.shuffle(shuffled)
    assert sharding.plan(dict(shuffled), rules) == sharding.plan(costs, rules)


@given(costs_maps, costs_maps, rules_values)
def test_planning_again_changes_nothing(before: dict[str, int], after: dict[str, int], rules: Rules) -> None:
    once = sharding.plan(after, rules, sharding.plan(before, rules))
    assert each_once(after, once)
    assert all(once)
    assert sharding.plan(after, rules, once) == once


@given(st.lists(st.integers(1, 50), min_size=1, max_size=7), st.integers(1, 3))
def test_longest_first_keeps_grahams_bound(durations: list[int], count: int) -> None:
    costs = {f"case{number}": duration for number, duration in enumerate(durations)}
    reached = max(sum(costs[key] for key in keys) for keys in balance.longest_first(costs, count))
    assert reached * 3 * count <= best_possible(durations, count) * (4 * count - 1)


def best_possible(durations: list[int], count: int) -> int:
    def makespan(choice: tuple[int, ...]) -> int:
        return max(sum(d for d, c in zip(durations, choice, strict=True) if c == shard) for shard in range(count))

    return min(makespan(choice) for choice in itertools.product(range(count), repeat=len(durations)))


@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=400), st.integers(1, 40))
def test_no_shard_exceeds_the_average_by_more_than_one_case(durations: list[int], count: int) -> None:
    costs = {f"case{number}": duration for number, duration in enumerate(durations)}
    loads = [sum(costs[key] for key in keys) for keys in balance.longest_first(costs, count)]
    assert max(loads) <= sum(durations) / count + max(durations)


@given(costs_maps, rules_values, st.integers(0, 2 * MINUTE))
def test_a_new_case_changes_one_shard_or_all_are_planned_afresh(
    costs: dict[str, int], rules: Rules, duration: int
) -> None:
    before = sharding.plan(costs, rules)
    grown = costs | {"new": duration}
    after = sharding.plan(grown, rules, before)
    changed = sum(old != new for old, new in itertools.zip_longest(before, after))
    assert changed == 1 or after == sharding.plan(grown, rules)


def test_a_new_model_is_a_small_diff() -> None:
    costs = {f"onnx/node/test_{number:04}": 300 + number for number in range(2000)}
    rules = Rules(setup=MINUTE, budget=4 * MINUTE, lanes=1, capacity=8)
    before = sharding.plan(costs, rules)
    assert len(before) > 4
    after = sharding.plan(costs | {"onnx/light/resnet50": 20_000}, rules, before)
    assert sum(old != new for old, new in zip(before, after, strict=True)) == 1


def test_rebalance_ignores_the_committed_assignment() -> None:
    costs = dict.fromkeys("abcdefgh", 60 * 1000)
    rules = Rules(setup=0, budget=2 * MINUTE, lanes=1, capacity=8)
    crossed = (("a", "h"), ("b", "g"), ("c", "f"), ("d", "e"))
    assert sharding.plan(costs, rules, crossed) == crossed
    assert sharding.plan(costs, rules, crossed, rebalance=True) == sharding.plan(costs, rules)


def test_an_assignment_more_than_a_tenth_worse_is_given_up() -> None:
    costs = dict.fromkeys("abcd", 60 * 1000)
    rules = Rules(setup=0, budget=2 * MINUTE, lanes=1, capacity=8)
    assert sharding.plan(costs, rules, (("a", "b", "c"), ("d",))) == sharding.plan(costs, rules)


def test_a_shard_that_lost_its_cases_is_given_up() -> None:
    rules = Rules(setup=0, budget=2 * MINUTE, lanes=1, capacity=8)
    assert sharding.plan({"a": MINUTE}, rules, (("a",), ("gone",))) == (("a",),)


def test_no_case_gives_no_shard() -> None:
    assert sharding.plan({}, Rules(setup=0, budget=MINUTE, lanes=1, capacity=1)) == ()


def test_one_giant_case_gets_its_own_shard_and_does_not_shrink_the_others() -> None:
    costs = {"giant": 100 * MINUTE} | {f"small{number:02}": MINUTE for number in range(20)}
    shards = sharding.plan(costs, Rules(setup=0, budget=20 * MINUTE, lanes=1, capacity=8))
    assert shards[0] == ("giant",)
    assert len(shards) == 2


def test_cases_without_duration_leave_no_shard_empty() -> None:
    costs = {"real": 10 * MINUTE, "zero1": 0, "zero2": 0}
    assert all(balance.longest_first(costs, 3))


@pytest.mark.parametrize(("capacity", "expected"), [(4, 8), (5, 5), (8, 5)])
def test_more_shards_than_machines_are_rounded_up_to_whole_waves(capacity: int, expected: int) -> None:
    costs = {f"case{number:03}": MINUTE for number in range(50)}
    assert sharding.shard_count(costs, Rules(setup=0, budget=10 * MINUTE, lanes=1, capacity=capacity)) == expected


def test_set_up_counts_against_the_budget() -> None:
    costs = {f"case{number:03}": MINUTE for number in range(40)}
    without, with_setup = (
        sharding.shard_count(costs, Rules(setup=setup, budget=10 * MINUTE, lanes=1, capacity=99))
        for setup in (0, 5 * MINUTE)
    )
    assert (without, with_setup) == (4, 8)


def test_cases_at_a_time_share_the_wall_time_of_a_shard() -> None:
    costs = dict.fromkeys("abcd", 4 * MINUTE) | {"long": 6 * MINUTE}
    rules = Rules(setup=MINUTE, budget=60 * MINUTE, lanes=4, capacity=1)
    assert sharding.wall(costs, "abcd", rules) == 5 * MINUTE
    assert sharding.wall(costs, ["a", "long"], rules) == 7 * MINUTE

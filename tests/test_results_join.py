from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from results.join import Joined, join
from results.plan import Plan, make_plan
from results.scan import Entry, Scan
from schemas.report import ProblemKind
from tests.results_support.build import DIGEST, key, matrix
from tests.results_support.strategies import scans

PLAN = make_plan([matrix([[key(n) for n in range(8) if n % 3 == s] for s in range(3)])])
RUNS = st.lists(scans(), max_size=6, unique_by=lambda scan: scan.digest)  # equal digests would be equal files


def entry(number: int, attempt: int = 1, *, red: bool = False, path: str = "a") -> Entry:
    return Entry(f"s/cpu/{key(number)}", attempt, red, 1, path, 0, 1)


def scan(label: str, *entries: Entry, attempt: int = 1, shard: int = 0, digest: str = DIGEST) -> Scan:
    return Scan(
        label=label,
        digest=label,
        suite="s",
        target="cpu",
        shard=shard,
        attempt=attempt,
        matrix_digest=digest,
        planned=len(entries),
        entries=entries,
        complete=True,
    )


def kinds(joined: Joined) -> set[ProblemKind]:
    return {problem.kind for problem in joined.problems if problem.red}


@given(RUNS)
def test_every_planned_case_ends_as_exactly_one_decision(found: list[Scan]) -> None:
    joined = join(PLAN, found)
    assert [d.case for d in joined.decisions] == list(PLAN.cases)
    for decision in joined.decisions:
        assert (decision.entry is None) == bool(decision.why)
        if decision.entry is not None:
            sources = [s for s in found if s.label == decision.entry.path]
            assert decision.entry.case == decision.case
            assert any(s.matrix_digest == DIGEST and s.target == "cpu" for s in sources)


@given(RUNS.flatmap(lambda found: st.tuples(st.just(found), st.permutations(found))))
def test_the_order_of_the_inputs_means_nothing(found: tuple[list[Scan], list[Scan]]) -> None:
    assert join(PLAN, found[0]) == join(PLAN, found[1])


@given(RUNS)
def test_giving_everything_twice_changes_nothing(found: list[Scan]) -> None:
    assert join(PLAN, [*found, *found]) == join(PLAN, found)


@given(RUNS)
def test_no_record_goes_without_a_trace(found: list[Scan]) -> None:
    """A record stands, was replaced by a newer attempt, or is named in a problem."""
    joined = join(PLAN, found)
    told = {case for problem in joined.problems for case in problem.cases}
    stand = {d.case for d in joined.decisions if d.entry is not None}
    old = {e.case for e in joined.superseded}
    for item in found:
        for e in item.entries:
            assert e.case in told | stand | old


@given(RUNS)
def test_without_a_plan_every_case_seen_has_a_decision(found: list[Scan]) -> None:
    seen = {e.case for s in found for e in s.entries} | {b.case for s in found for b in s.started}
    joined = join(None, found)
    assert {d.case for d in joined.decisions} == seen
    assert not joined.planned


@given(RUNS)
def test_the_newest_attempt_wins(found: list[Scan]) -> None:
    good = [s for s in found if s.matrix_digest == DIGEST and s.target == "cpu"]
    for decision in join(PLAN, found).decisions:
        attempts = [e.attempt for s in good for e in s.entries if e.case == decision.case]
        attempts += [b.attempt for s in good for b in s.started if b.case == decision.case]
        assert decision.attempt == max(attempts, default=1)


def test_an_older_attempt_is_kept_and_a_green_rerun_is_green() -> None:
    first = scan("one", entry(0, 1, red=True, path="one"), entry(3), entry(6))
    second = scan("two", entry(0, 2, path="two"), attempt=2)
    joined = join(make_plan([matrix([[key(0), key(3), key(6)]])]), [first, second])
    assert joined.decisions[0].entry == second.entries[0]
    assert joined.superseded == (first.entries[0],)
    assert joined.problems == ()


def test_two_results_in_one_attempt_are_a_problem_and_the_failure_stands() -> None:
    joined = join(PLAN, [scan("one", entry(0)), scan("two", entry(0, red=True, path="b"))])
    assert kinds(joined) == {ProblemKind.DUPLICATE}
    assert joined.decisions[0].entry is not None
    assert joined.decisions[0].entry.red


def test_a_stale_journal_is_named_and_not_taken() -> None:
    joined = join(PLAN, [scan("one", entry(0), digest="other")])
    assert kinds(joined) == {ProblemKind.STALE}
    assert all(d.entry is None for d in joined.decisions)
    assert "made with matrix digest other" in joined.decisions[0].why


def test_a_case_that_nobody_planned_is_a_problem() -> None:
    joined = join(PLAN, [scan("one", entry(0), entry(99))])
    assert kinds(joined) == {ProblemKind.UNPLANNED}
    assert joined.problems[0].cases == (f"s/cpu/{key(99)}",)


def test_a_missing_case_says_why() -> None:
    cut = Scan(label="cut", digest="cut", suite="s", target="cpu", shard=0, attempt=1, matrix_digest=DIGEST, planned=3)
    joined = join(PLAN, [cut, scan("whole", shard=1)])
    why = {d.case: d.why for d in joined.decisions}
    assert why[f"s/cpu/{key(0)}"] == "shard cut off before it: cut ends after 0 records"
    assert why[f"s/cpu/{key(1)}"] == "whole came to its end without it"
    assert why[f"s/cpu/{key(2)}"] == "shard absent: no results of s/cpu/2 were found"


def test_damage_is_red_unless_a_newer_attempt_came_to_its_end() -> None:
    plan = make_plan([matrix([[key(0)]])])
    damaged = Scan(
        label="one",
        digest="one",
        suite="s",
        target="cpu",
        shard=0,
        attempt=1,
        matrix_digest=DIGEST,
        planned=1,
        entries=(entry(0),),
        complete=True,
        damage=("line 4 is unreadable",),
    )
    assert kinds(join(plan, [damaged])) == {ProblemKind.DAMAGED}
    joined = join(plan, [damaged, scan("two", entry(0, 2, path="two"), attempt=2)])
    assert kinds(joined) == set()
    assert [p.text for p in joined.problems] == ["line 4 is unreadable"]


def test_a_plan_is_sorted_and_knows_every_shard() -> None:
    plan: Plan = make_plan([matrix([[key(5)], [key(1)]], suite="b"), matrix([[key(0)]], suite="a")])
    assert [(case, shard.id) for case, shard in plan.cases.items()] == [
        (f"a/cpu/{key(0)}", "a/cpu/0"),
        (f"b/cpu/{key(1)}", "b/cpu/1"),
        (f"b/cpu/{key(5)}", "b/cpu/0"),
    ]

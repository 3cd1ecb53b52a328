"""Turns a loaded suite into its matrix: the shards of every target, with what GitHub needs to start them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from generator import extras, sharding
from generator.timeouts import timeouts
from schemas.case import Case
from schemas.errors import Finding, Location
from schemas.matrix import Matrix, MatrixSource, ShardPlan, TargetPlan, cases_digest
from schemas.target import Target
from schemas.words import Extra
from suites.targets import at_depth
from suites.timings import Timings
from suites.workspace import Suite, Workspace


def build(
    workspace: Workspace, suite: Suite, timings: Timings, previous: Matrix | None = None, *, rebalance: bool = False
) -> Matrix:
    """The matrix of one suite; ``previous`` is the committed one, whose assignments stay put where they are good.

    Targets without a case are left out: GitHub refuses an empty matrix.
    """
    plans = (
        target_plan(
            suite,
            at_depth(workspace.target(name), suite.depth),
            timings,
            previous.target(name) if previous else None,
            rebalance,
        )
        for name in suite.targets
    )
    return Matrix(
        suite=suite.name,
        depth=str(suite.depth),
        source=MatrixSource(file=suite.file, sha256=suite.sha256),
        targets=tuple(plan for plan in plans if plan.shards),
    )


def target_plan(
    suite: Suite, target: Target, timings: Timings, previous: TargetPlan | None, rebalance: bool
) -> TargetPlan:
    """All shards of one target of a suite: first those of cases without extras."""
    cases = suite.cases_for(target.name)
    alike: dict[tuple[Extra, ...], list[Case]] = {}
    for case in cases:
        alike.setdefault(suite.extras_of(case), []).append(case)
    committed = tuple(shard.cases for shard in previous.shards) if previous else ()
    shards = [
        shard
        for needed in sorted(alike)
        for shard in _shards(needed, alike[needed], target, timings, committed, rebalance=rebalance)
    ]
    return TargetPlan(
        target=target.name,
        digest=cases_digest(cases),
        runs_on=target.runs_on,
        timeout_minutes=timeouts(target).job,
        container=target.container,
        exclusive_device=target.exclusive_device,
        hosted=target.hosted,
        shards=tuple(msgspec.structs.replace(shard, shard=number) for number, shard in enumerate(shards)),
    )


def _shards(
    needed: tuple[Extra, ...],
    cases: Sequence[Case],
    target: Target,
    timings: Timings,
    committed: sharding.Shards,
    *,
    rebalance: bool,
) -> Iterator[ShardPlan]:
    """The shards of cases that need the same extras, not yet numbered: only they install them, and count it."""
    rules = sharding.rules_of(target, extras.seconds(needed))
    costs = {case.key: sharding.milliseconds(timings.seconds(target.name, case)) for case in cases}
    before = tuple(keys for keys in committed if not costs.keys().isdisjoint(keys))
    for keys in sharding.plan(costs, rules, before, rebalance=rebalance):
        yield ShardPlan(
            shard=0,
            minutes=minutes(sharding.wall(costs, keys, rules)),
            setup_minutes=minutes(rules.setup),
            extras=needed,
            cases=keys,
        )


def minutes(milliseconds: int) -> float:
    """Minutes with one decimal: finer figures would make every refresh of durations a larger diff."""
    return round(milliseconds / 60_000, 1)


def check(matrix: Matrix, targets: dict[str, Target]) -> Iterator[Finding]:
    """Findings about shards that their target's own deadline would cut off."""
    for plan in matrix.targets:
        target = targets[plan.target]
        worst = max(plan.shards, key=lambda shard: shard.minutes - extras.seconds(shard.extras) / 60)
        limit = (target.setup_seconds + extras.seconds(worst.extras) + target.shard_timeout) / 60
        if worst.minutes > limit:
            yield Finding(
                Location(matrix.source.file),
                f"shard {matrix.suite}/{plan.target}/{worst.shard} is planned at {worst.minutes:g} minutes, but the "
                f"target's set-up and shard-timeout are {limit:g} minutes",
                f"in targets.yaml, give {plan.target} a longer shard-timeout and job-timeout or a smaller shard-budget "
                f"(now {target.shard_minutes:g}m), or run `python -m generator --rebalance`",
            )

"""Turns a loaded suite into its matrix: the shards of every target, with what GitHub needs to start them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec

from generator import extras, sharding
from generator.balance import Shards
from generator.timeouts import timeouts
from schemas.case import Case
from schemas.errors import Finding, Location
from schemas.matrix import BuildPlan, Matrix, MatrixSource, ShardPlan, TargetPlan, cases_digest
from schemas.target import Target
from schemas.words import Extra
from suites.buildon import is_split, whole_because
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
            building(workspace, suite, name),
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


class Machines(msgspec.Struct, frozen=True, kw_only=True):
    """Whose machines take the shards of a target: its own, and those that build for it."""

    target: Target
    builder: Target | None = None


def building(workspace: Workspace, suite: Suite, name: str) -> Machines:
    """A suite's target as its depth uses it; with a builder only where that spares its machines anything."""
    target = at_depth(workspace.target(name), suite.depth)
    if target.build_on is None or not is_split(target, suite.cases_for(name)):
        return Machines(target=msgspec.structs.replace(target, build_on=None))
    return Machines(target=target, builder=workspace.target(target.build_on))


def target_plan(
    suite: Suite, machines: Machines, timings: Timings, previous: TargetPlan | None, rebalance: bool
) -> TargetPlan:
    """All shards of one target of a suite: first those of cases without extras."""
    target = machines.target
    cases = suite.cases_for(target.name)
    alike: dict[tuple[Extra, ...], list[Case]] = {}
    for case in cases:
        alike.setdefault(suite.extras_of(case), []).append(case)
    committed = tuple(shard.cases for shard in previous.shards) if previous else ()
    shards = [
        shard
        for needed in sorted(alike)
        for shard in _shards(needed, alike[needed], machines, timings, committed, rebalance=rebalance)
    ]
    return TargetPlan(
        target=target.name,
        digest=cases_digest(cases),
        runs_on=target.runs_on,
        timeout_minutes=timeouts(target).job,
        container=target.container,
        exclusive_device=target.exclusive_device,
        hosted=target.hosted,
        build=None if machines.builder is None else _build_plan(machines.builder, cases),
        shards=tuple(msgspec.structs.replace(shard, shard=number) for number, shard in enumerate(shards)),
    )


def _build_plan(builder: Target, cases: Sequence[Case]) -> BuildPlan:
    whole = {case.key: why for case in cases if case.skip is None and (why := whole_because(case))}
    return BuildPlan(
        target=builder.name,
        runs_on=builder.runs_on,
        timeout_minutes=timeouts(builder).job,
        whole=dict(sorted(whole.items())),
    )


def _shards(
    needed: tuple[Extra, ...],
    cases: Sequence[Case],
    machines: Machines,
    timings: Timings,
    committed: Shards,
    *,
    rebalance: bool,
) -> Iterator[ShardPlan]:
    """The shards of cases that need the same extras, not yet numbered: only they install them, and count it."""
    target, builder = machines.target, machines.builder
    rules = sharding.rules_of(target, extras.seconds(needed))
    build: dict[str, int] = {}
    if builder is None:
        costs = {case.key: sharding.milliseconds(timings.seconds(target.name, case)) for case in cases}
        weighed = costs
    else:
        costs = {case.key: sharding.milliseconds(timings.device_seconds(target.name, case)) for case in cases}
        build = {case.key: sharding.milliseconds(timings.build_seconds(target.name, case)) for case in cases}
        build_rules = sharding.rules_of(builder, extras.seconds(needed))
        weighed = sharding.weighed(costs, rules, build, sharding.limit_of(builder, build_rules))
    before = tuple(keys for keys in committed if not costs.keys().isdisjoint(keys))
    for keys in sharding.plan(weighed, rules, before, rebalance=rebalance):
        plan = ShardPlan(
            shard=0,
            minutes=minutes(sharding.wall(costs, keys, rules)),
            setup_minutes=minutes(rules.setup),
            extras=needed,
            cases=keys,
        )
        if builder is not None:
            plan = msgspec.structs.replace(plan, build_minutes=minutes(sharding.wall(build, keys, build_rules)))
        yield plan


def minutes(milliseconds: int) -> float:
    """Minutes with one decimal: finer figures would make every refresh of durations a larger diff."""
    return round(milliseconds / 60_000, 1)


def check(matrix: Matrix, targets: dict[str, Target]) -> Iterator[Finding]:
    """Findings about shards that their target's own deadline would cut off, or that of the one that builds them."""
    for plan in matrix.targets:
        yield from _check_build(matrix, plan, targets)
        target = targets[plan.target]
        worst, limit = _worst(plan.shards, target, lambda shard: shard.minutes)
        if worst.minutes > limit:
            yield Finding(
                Location(matrix.source.file),
                f"shard {matrix.suite}/{plan.target}/{worst.shard} is planned at {worst.minutes:g} minutes, but the "
                f"target's set-up and shard-timeout are {limit:g} minutes",
                f"in targets.yaml, give {plan.target} a longer shard-timeout and job-timeout or a smaller shard-budget "
                f"(now {target.shard_minutes:g}m), or run `python -m generator --rebalance`",
            )


def _check_build(matrix: Matrix, plan: TargetPlan, targets: dict[str, Target]) -> Iterator[Finding]:
    if plan.build is None:
        return
    builder = targets[plan.build.target]
    worst, limit = _worst(plan.shards, builder, lambda shard: shard.build_minutes)
    if worst.build_minutes > limit:
        yield Finding(
            Location(matrix.source.file),
            f"to build shard {matrix.suite}/{plan.target}/{worst.shard} is planned at {worst.build_minutes:g} minutes, "
            f"but the set-up and shard-timeout of {builder.name} are {limit:g} minutes",
            f"in targets.yaml, give {builder.name} a longer shard-timeout and job-timeout, or {plan.target} another "
            f"build-on",
        )


def _worst(
    shards: Sequence[ShardPlan], target: Target, minutes_of: Callable[[ShardPlan], float]
) -> tuple[ShardPlan, float]:
    """The shard that comes nearest to its job's end on a target or beyond it, and the minutes that it has there."""
    worst = max(shards, key=lambda shard: minutes_of(shard) - extras.seconds(shard.extras) / 60)
    return worst, (target.setup_seconds + extras.seconds(worst.extras) + target.shard_timeout) / 60

"""A case's depth and the command line's wishes become the stages to run, or a usage error that says what is missing."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from runner.imported import plan as imported
from runner.stages.artefacts import WRITER, flow_of
from schemas.case import Case
from schemas.errors import UsageError
from schemas.words import Depth, Stage

#: The last stage of each depth that the runner can reach.
LAST_STAGE: dict[Depth, Stage] = {
    Depth.IMPORT: Stage.IMPORT_MODEL,
    Depth.LOWER: Stage.PREPROCESS_MODEL,
    Depth.COMPILE: Stage.COMPILATION,
    Depth.COMPILE_OP_BY_OP: Stage.OP_BY_OP,
    Depth.EXECUTE_OP_BY_OP: Stage.OP_BY_OP,
    Depth.EXECUTE: Stage.COMPARISON,
}

#: The stages of a model that is compiled and run as a whole.
WHOLE: tuple[Stage, ...] = tuple(stage for stage in Stage if stage not in (Stage.OP_BY_OP, Stage.BENCHMARK))
#: What an operation needs of a machine is what these stages of a whole model need.
_NEEDS_OF_OPS: dict[Depth, frozenset[Stage]] = {
    Depth.COMPILE_OP_BY_OP: frozenset({Stage.COMPILATION}),
    Depth.EXECUTE_OP_BY_OP: frozenset({Stage.COMPILATION, Stage.COMPILED_INFERENCE}),
}


def stages_of(depth: Depth) -> tuple[Stage, ...]:
    """All stages down to ``depth``; op by op, those that a case may have: see ``reachable``."""
    last = LAST_STAGE[depth]
    if last is Stage.OP_BY_OP:
        return (Stage.SETUP, Stage.IMPORT_MODEL, Stage.PREPROCESS_MODEL, Stage.CONSTRUCT_INPUTS, Stage.OP_BY_OP)
    return WHOLE[: WHOLE.index(last) + 1]


def stages_for(case: Case, depth: Depth) -> tuple[Stage, ...]:
    """Likewise, of a case: one of an imported suite has stages of its own."""
    return stages_of(depth) if case.definition is None else imported.stages_of(case.definition, depth)


def last_stage(case: Case) -> Stage:
    """The stage that must pass for the case to pass."""
    return stages_for(case, case.depth)[-1]


def reachable(case: Case, depth: Depth) -> tuple[Stage, ...]:
    """The stages down to ``depth`` that this case has: op by op, only those that the walk reads from."""
    stages = stages_for(case, depth)
    if LAST_STAGE[depth] is not Stage.OP_BY_OP:
        return stages
    wanted, more = {Stage.OP_BY_OP}, set[Stage]()
    while more != wanted:
        more, wanted = wanted, wanted | {need for stage in wanted for need in needs(case, stage)}
    return tuple(stage for stage in stages if stage in wanted)


def machine_needs(case: Case, stages: Collection[Stage]) -> frozenset[Stage]:
    """The stages whose needs a machine must meet for a case that runs ``stages``."""
    if case.definition is not None and imported.needs_device(case.definition, frozenset(stages)):
        return frozenset(stages) | {Stage.COMPILED_INFERENCE}
    return frozenset(stages) | (_NEEDS_OF_OPS.get(case.depth, frozenset()) if Stage.OP_BY_OP in stages else frozenset())


def needs(case: Case, stage: Stage) -> tuple[Stage, ...]:
    """The stages whose results ``stage`` reads in this case."""
    return tuple(dict.fromkeys(WRITER[each] for each in flow_of(case, stage).reads if each in WRITER))


def plan(
    case: Case,
    stages: Sequence[Stage] = (),
    skip_stages: Sequence[Stage] = (),
    depth: Depth | None = None,
) -> tuple[Stage, ...]:
    """The stages to run, in the order of running.

    ``stages`` (empty: all) are those asked for, ``skip_stages`` those left out, ``depth`` overrides the case's. Raises
    UsageError when nothing is left, when a stage lies beyond the depth, and when one lacks a stage that it reads from.
    """
    chosen = choose(case, stages, skip_stages, depth)
    for stage in chosen:
        missing = [need for need in needs(case, stage) if need not in chosen]
        if missing:
            raise UsageError(
                f"{stage} cannot run without {', '.join(missing)}, whose results it reads",
                f"run {', '.join(missing)} as well, or leave {stage} out too",
            )
    return chosen


def choose(
    case: Case,
    stages: Sequence[Stage] = (),
    skip_stages: Sequence[Stage] = (),
    depth: Depth | None = None,
) -> tuple[Stage, ...]:
    """As ``plan``, for whoever may have the results of other stages already."""
    there = reachable(case, depth or case.depth)
    beyond = [stage for stage in stages if stage not in there]
    if beyond:
        raise UsageError(
            f"--stages names {', '.join(beyond)}, which the depth {depth or case.depth} does not reach",
            f"leave it out, or run to a depth that has it: {', '.join(LAST_STAGE)}",
        )
    both = [stage for stage in stages if stage in skip_stages]
    if both:
        raise UsageError(f"{', '.join(both)}: both in --stages and in --skip-stages", "name it in one of the two")
    idle = () if case.tuning.verify or Stage.COMPARISON in stages else (Stage.COMPARISON,)
    chosen = tuple(
        stage for stage in there if (not stages or stage in stages) and stage not in skip_stages and stage not in idle
    )
    if not chosen:
        raise UsageError("no stage is left to run", f"the depth {depth or case.depth} has {', '.join(there)}")
    return chosen

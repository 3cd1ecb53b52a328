"""A bundle and the command line's wishes become the stages to run, and those whose results are taken as they are."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from runner.bundle.opened import Opened
from runner.options import Options
from runner.stages.artefacts import FLOWS, WRITER, flow_of, in_process, stale
from runner.stages.plan import LAST_STAGE, choose, reachable
from schemas.bundle import Artefact
from schemas.case import Case
from schemas.errors import UsageError
from schemas.record import StageResult
from schemas.words import Stage, StageStatus

#: A failure there lies in the numbers: comparing the same ones again would prove nothing.
_NUMBERS = frozenset({Stage.POSTPROCESSING, Stage.COMPARISON})
_VERDICTS = frozenset({Stage.COMPARISON, Stage.BENCHMARK, Stage.OP_BY_OP})


class Going(msgspec.Struct, frozen=True, kw_only=True):
    """How a case goes on: ``run`` in the order of running, ``reused`` as they ended in the bundle's run."""

    run: tuple[Stage, ...]
    reused: tuple[StageResult, ...]


def going_on(opened: Opened, case: Case, options: Options) -> Going:
    """What to run of ``case``, the bundle's own with the depth that is wanted.

    Raises UsageError where a stage is wanted that cannot be reached, or that reads what neither the bundle holds nor
    another wanted stage makes.
    """
    there = reachable(case, case.depth)
    if options.stages or options.skip_stages or options.from_stage is not None:
        wanted = _wanted(options, case, there)
    else:
        wanted = _remaining(opened, case, there)
    wanted |= {WRITER[each] for stage in wanted for each in flow_of(case, stage).reads if in_process(case, each)}
    _check(opened, case, wanted)
    reused = _reusable(opened, case, wanted)
    return Going(run=tuple(stage for stage in FLOWS if stage in wanted), reused=reused)


def _wanted(options: Options, case: Case, there: tuple[Stage, ...]) -> set[Stage]:
    """What --stages, --skip-stages and --from name."""
    first = options.from_stage
    if first is not None and first not in there:
        raise UsageError(
            f"--from {first}: the depth {case.depth} does not reach it",
            f"add --depth with one of {', '.join(LAST_STAGE)}",
        )
    chosen = choose(case, options.stages, options.skip_stages)
    wanted = {stage for stage in chosen if first is None or there.index(stage) >= there.index(first)}
    if not wanted:
        raise UsageError("no stage is left to run", "name one in --stages that does not come before --from")
    return wanted


def _remaining(opened: Opened, case: Case, there: tuple[Stage, ...]) -> set[Stage]:
    """All that has not passed, what must follow it, and what makes what these read and the bundle does not hold.

    Everything, where all have passed.
    """
    passed = {each.stage for each in opened.bundle.stages if each.status is StageStatus.PASS}
    wanted = set(there) - passed - _idle(case)
    if not wanted:
        return set(there)
    if wanted <= _NUMBERS:
        wanted.add(Stage.COMPILED_INFERENCE)
    while True:
        more = stale(case, wanted, there) | {WRITER[each] for each in _lacking(opened, case, wanted)}
        if more <= wanted:
            return wanted
        wanted |= more


def _idle(case: Case) -> set[Stage]:
    """``preprocess_model`` where nothing reads what it writes."""
    lowered = any(Artefact.LOWERED in flow_of(case, stage).reads for stage in FLOWS)
    return set() if lowered else {Stage.PREPROCESS_MODEL}


def _lacking(opened: Opened, case: Case, wanted: Collection[Stage]) -> set[Artefact]:
    """What the stages read that neither is in the bundle nor is made by one of them. The source has no maker."""
    made = {artefact for stage in wanted for artefact in FLOWS[stage].writes}
    read = {artefact for stage in wanted for artefact in flow_of(case, stage).reads}
    return {each for each in read - made if each in WRITER and not opened.holds(each)}


def _check(opened: Opened, case: Case, wanted: Collection[Stage]) -> None:
    where = opened.folder
    made: set[Artefact] = set()
    outdated = stale(case, wanted, FLOWS)
    for stage in (each for each in FLOWS if each in wanted):
        for artefact in flow_of(case, stage).reads:
            if artefact in made:
                continue
            maker = WRITER.get(artefact)
            if maker in outdated:
                raise UsageError(
                    f"{where}: {stage} cannot take the {artefact} from the bundle, since what {maker} reads is remade",
                    f"run {maker} as well",
                )
            if not opened.holds(artefact):
                remedy = f"run {maker} as well: --from {maker}" if maker else "put the file there"
                raise UsageError(
                    f"{where}: {stage} reads the {artefact}, which is not in the bundle: {opened.why_not(artefact)}",
                    remedy,
                )
        made.update(FLOWS[stage].writes)


def _reusable(opened: Opened, case: Case, wanted: Collection[Stage]) -> tuple[StageResult, ...]:
    outdated = stale(case, wanted, FLOWS)
    return tuple(
        msgspec.structs.replace(each, reused=True, log=None)
        for each in opened.bundle.stages
        if each.status is StageStatus.PASS and each.stage not in wanted and each.stage not in outdated
        # A verdict is never taken over: without a comparison here, nothing is proved here.
        if each.stage not in _VERDICTS
    )

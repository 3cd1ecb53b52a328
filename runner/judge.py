"""A case's events and the way its process ended become its record. Pure: the same story gives the same record."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from runner.blank import record_of
from runner.disabled import any_disabled, disproof, notes_on_checks
from runner.imported import plan as imported
from runner.process import signal_name
from runner.protocol import Ending, Event, Finished, StageEnded, StageStarted, stage_log
from runner.signature import OUT_OF_MEMORY
from runner.stages.plan import LAST_STAGE, WHOLE, last_stage, stages_for
from schemas.case import Case, Expectation
from schemas.opwords import OpStatus, OpTotals
from schemas.record import ErrorInfo, Record, StageResult
from schemas.words import (
    EXIT_NOT_RUN,
    EXIT_NUMERICS,
    EXIT_PASS,
    Depth,
    Outcome,
    SkipReason,
    Stage,
    StageStatus,
)

_GOOD = (StageStatus.PASS, StageStatus.SKIP)
_EXPECTABLE = (Outcome.FAIL, Outcome.CRASH, Outcome.TIMEOUT, Outcome.OOM)
_RUNS = (Stage.CONSTRUCT_INPUTS, Stage.COMPILED_INFERENCE, Stage.COMPARISON)
_DEADLINES = ("stage-deadline", "case-deadline")
_MEMORY = ("memory-limit", "kernel-oom")


class _Story(msgspec.Struct, frozen=True):
    """The stages that ended, the first of them that did not pass with its error, and the last word."""

    stages: tuple[StageResult, ...]
    error: ErrorInfo | None
    last_word: Finished | None

    @property
    def failed(self) -> StageResult | None:
        return next((each for each in self.stages if each.status not in _GOOD), None)


def judge(
    case: Case,
    events: Sequence[Event],
    ending: Ending,
    *,
    shard: int | None,
    attempt: int,
    started: str,
    reproduce: str,
) -> Record:
    """The one record of a case.

    PASS only where the last stage of the depth passed and, for ``execute``, elements were compared; op by op, where the
    walk came to its end, whatever the operations did.

    A worker that went without its last word has crashed whatever its exit code, in the stage that was running. An
    expected failure must agree in stage, kind of end and signature.
    """
    story = _read(case, events, ending)
    outcome, reason, detail = _outcome(case, story)
    outcome, notes = _against_expectation(case.expectation, outcome, story)
    last = story.last_word or Finished()
    return msgspec.structs.replace(
        record_of(case, outcome, _exit_status(outcome, story.failed)),
        reached_depth=_reached(case, story.stages, last.ops),
        shard=shard,
        attempt=attempt,
        skip_reason=reason,
        skip_detail=detail,
        stages=_with_skipped(case, story),
        comparisons=last.comparisons,
        tokens=last.tokens,
        casts=last.casts,
        tolerance=case.accepted if last.comparisons else None,
        checks=case.checks if last.comparisons and any_disabled(case.checks) else None,
        error=story.error,
        notes=(
            *last.notes,
            *notes_on_checks(case, last.comparisons, last.tokens),
            *notes,
            *_afterwards(story, ending),
        ),
        ops=last.ops,
        intermediates=last.intermediates,
        metrics={name: value for name, value in last.metrics.items() if math.isfinite(value)},
        flags=last.flags if story.last_word else None,
        started=started,
        seconds=ending.seconds,
        reproduce=reproduce,
    )


def _read(case: Case, events: Sequence[Event], ending: Ending) -> _Story:
    """What the events say, and where they stop short, what the ending says of the stage that was running."""
    ended = [event for event in events if isinstance(event, StageEnded)]
    stages = tuple(event.result for event in ended)
    last_word = next((event for event in events if isinstance(event, Finished)), None)
    bad = next((event for event in ended if event.result.status not in _GOOD), None)
    if bad is not None:
        return _Story(stages, bad.error or ErrorInfo(signature=f"{bad.result.stage} failed without a word"), last_word)
    if last_word is not None and ending.reason != "bad-events":
        return _numerics(case, stages, last_word)
    running = _running(case, events)
    status, error = _cut_off(running, ending)
    cut = StageResult(
        stage=running,
        status=status,
        seconds=ending.stage_seconds,
        peak_rss_bytes=ending.peak_rss_bytes or None,
        log=stage_log(case, running),
    )
    return _Story((*(each for each in stages if each.stage is not running), cut), error, last_word)


def _numerics(case: Case, stages: tuple[StageResult, ...], last_word: Finished) -> _Story:
    """A comparison that says PASS is believed only if it shows elements that were compared, and all outputs passed."""
    failure = disproof(case.checks, last_word.comparisons, last_word.tokens)
    if case.definition is not None and not case.definition.strict:
        failure = None  # the tool that the definition was made for has decided
    if failure is None or not any(each.stage is Stage.COMPARISON for each in stages):
        return _Story(stages, None, last_word)
    failed = tuple(
        msgspec.structs.replace(each, status=StageStatus.FAIL) if each.stage is Stage.COMPARISON else each
        for each in stages
    )
    return _Story(failed, ErrorInfo(signature=failure), last_word)


def _running(case: Case, events: Sequence[Event]) -> Stage:
    """The stage that was begun and did not end; between two stages, the one that would have come next."""
    stage, open_ = Stage.SETUP, True
    for event in events:
        if isinstance(event, StageStarted):
            stage, open_ = event.stage, True
        elif isinstance(event, StageEnded):
            stage, open_ = event.result.stage, False
    order = stages_for(case, case.depth)
    following = order[order.index(stage) + 1 :] if stage in order else ()
    return stage if open_ or not following else following[0]


def _cut_off(stage: Stage, ending: Ending) -> tuple[StageStatus, ErrorInfo]:
    """How a stage that did not end by itself was ended, in words that are the same in every run."""
    if ending.reason in _DEADLINES:
        return StageStatus.TIMEOUT, ErrorInfo(signature=f"timed out in {stage}", excerpt=ending.detail)
    if ending.reason in _MEMORY:
        return StageStatus.OOM, ErrorInfo(signature=f"{OUT_OF_MEMORY} in {stage}", excerpt=ending.detail)
    if ending.reason == "zygote-lost":
        return StageStatus.INFRA, ErrorInfo(signature="the process that starts the cases died", excerpt=ending.detail)
    if ending.reason == "bad-events":
        signature = f"wrote something that is no event in {stage}"
    elif ending.signal is not None:
        signature = f"{signal_name(ending.signal)} in {stage}"
    else:
        signature = f"exited {ending.exit_code} without a result in {stage}"
    return StageStatus.CRASH, ErrorInfo(signature=signature, excerpt=ending.detail)


def _outcome(case: Case, story: _Story) -> tuple[Outcome, SkipReason | None, str]:
    """The outcome before the expectation is heard; for SKIP, the reason and its detail."""
    if story.failed is not None:
        return Outcome(story.failed.status), None, ""
    last = last_stage(case)
    if any(each.stage is last and each.status is StageStatus.PASS and not each.reused for each in story.stages):
        return Outcome.PASS, None, ""
    return Outcome.SKIP, SkipReason.NOT_COMPARED, f"{last} was not run, so that nothing is proved"


def _against_expectation(
    expectation: Expectation | None, outcome: Outcome, story: _Story
) -> tuple[Outcome, tuple[str, ...]]:
    """XFAIL, XPASS or the outcome itself, with a note where it is not what was expected."""
    if expectation is None:
        return outcome, ()
    said = _said(expectation)
    where = expectation.where or "the expectation"
    if outcome is Outcome.PASS:
        return Outcome.XPASS, (f"passes; {where} expects {said}. Delete that line",)
    if outcome not in _EXPECTABLE:
        return outcome, ()
    failed, error = story.failed, story.error
    if expectation.anyhow:
        return _anyhow(expectation, outcome, failed, f"{where} expects {said}")
    found = (outcome, failed and failed.stage, error and error.signature)
    if found == (expectation.outcome, expectation.stage, expectation.signature):
        return Outcome.XFAIL, ()
    return outcome, (f"{where} expects {said}",)


def _said(expectation: Expectation) -> str:
    if expectation.anyhow:
        return f"a failure in {' or '.join(expectation.anyhow)}"
    return f"{expectation.outcome} in {expectation.stage}: {expectation.signature}"


def _anyhow(
    expectation: Expectation, outcome: Outcome, failed: StageResult | None, said: str
) -> tuple[Outcome, tuple[str, ...]]:
    """Against the list of an imported suite. What takes too long is no failure there either."""
    if failed is None or outcome is Outcome.TIMEOUT:
        return outcome, (said,)
    if failed.stage in expectation.anyhow:
        return Outcome.XFAIL, ()
    if expectation.anyhow == (Stage.COMPILATION,) and failed.stage in _RUNS:
        said += "; it compiles now and fails to run: move it to expected_run_failures"
    return outcome, (said,)


def _exit_status(outcome: Outcome, failed: StageResult | None) -> str:
    if failed is not None:
        numerics = failed.stage is Stage.COMPARISON and failed.status is StageStatus.FAIL
        return EXIT_NUMERICS if numerics else str(failed.stage)
    return EXIT_NOT_RUN if outcome is Outcome.SKIP else EXIT_PASS


def _reached(case: Case, stages: tuple[StageResult, ...], ops: OpTotals | None) -> Depth | None:
    """The deepest depth whose last stage really passed; op by op, as deep as one operation came."""
    passed = frozenset(each.stage for each in stages if each.status is StageStatus.PASS)
    if case.definition is not None:
        return imported.reached(case.definition, passed)
    if Stage.OP_BY_OP in passed and ops is not None:
        if ops.by_status[OpStatus.EXECUTED]:
            return Depth.EXECUTE_OP_BY_OP
        if ops.by_status[OpStatus.COMPILED]:
            return Depth.COMPILE_OP_BY_OP
    whole = (depth for depth, last in reversed(LAST_STAGE.items()) if last in passed and last is not Stage.OP_BY_OP)
    return next(whole, None)


def _with_skipped(case: Case, story: _Story) -> tuple[StageResult, ...]:
    """A case that came to its end shows the stages left out as SKIP; one that did not, only those it entered.

    The stages of a whole model and those of its operations are no part of each other.
    """
    if story.failed is not None:
        return story.stages
    results = {each.stage: each for each in story.stages}
    whole = case.definition is None and LAST_STAGE[case.depth] is not Stage.OP_BY_OP
    order = WHOLE if whole else stages_for(case, case.depth)
    return tuple(results.get(stage) or StageResult(stage=stage, status=StageStatus.SKIP) for stage in order)


def _afterwards(story: _Story, ending: Ending) -> tuple[str, ...]:
    """What happened to the process after all was said: no part of the verdict, but worth a line."""
    if story.last_word is None or not (ending.reason or ending.signal or ending.exit_code or ending.detail):
        return ()
    how = signal_name(ending.signal) if ending.signal is not None else f"exit code {ending.exit_code}"
    return (f"after its last word the process ended with {how}: {ending.detail or ending.reason or 'no reason known'}",)

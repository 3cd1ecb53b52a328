from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.judge import judge
from runner.protocol import Ending, Event, Finished, StageEnded, StageStarted
from runner.stages.plan import LAST_STAGE, plan, stages_of
from schemas.case import Case, Expectation, Source
from schemas.record import ErrorInfo, OutputComparison, Record, StageResult
from schemas.words import Depth, Outcome, Path, SkipReason, SourceKind, Stage, StageStatus

CLEAN = Ending(exit_code=0, seconds=1.0)
GOOD = OutputComparison(output="y", dtype="float32", shape=(2,), passed=True, total=2)
BAD_STATUS = (StageStatus.FAIL, StageStatus.CRASH, StageStatus.OOM, StageStatus.TIMEOUT, StageStatus.INFRA)


def case(depth: Depth = Depth.EXECUTE, expectation: Expectation | None = None) -> Case:
    return Case(
        id="s/t/m@onnx",
        suite="s",
        target="t",
        model="m",
        path=Path.ONNX,
        depth=depth,
        source=Source(SourceKind.ONNX_NODE, "m"),
        expectation=expectation,
    )


def story(
    stages: tuple[Stage, ...],
    bad: StageStatus | None = None,
    comparisons: tuple[OutputComparison, ...] = (GOOD,),
    signature: str = "why",
) -> list[Event]:
    """Stages that pass, the last of them with ``bad`` instead where given, and the last word."""
    events: list[Event] = []
    for stage in stages:
        status = bad if bad and stage is stages[-1] else StageStatus.PASS
        error = None if status is StageStatus.PASS else ErrorInfo(signature=signature)
        events += [StageStarted(stage=stage), StageEnded(result=StageResult(stage=stage, status=status), error=error)]
    compared = comparisons if Stage.COMPARISON in stages else ()
    return [*events, Finished(comparisons=compared, notes=("note",))]


def judged(which: Case, events: list[Event], ending: Ending = CLEAN) -> Record:
    return judge(which, events, ending, shard=1, attempt=1, started="now", reproduce="python -m runner")


depths = st.sampled_from(list(LAST_STAGE))
endings = st.builds(
    Ending,
    exit_code=st.none() | st.integers(0, 255),
    signal=st.none() | st.sampled_from([6, 8, 9, 11]),
    reason=st.sampled_from(["", "stage-deadline", "case-deadline", "memory-limit", "kernel-oom", "bad-events"]),
    detail=st.text(max_size=5),
    seconds=st.floats(0, 10),
)
comparison_lists = st.lists(
    st.builds(
        OutputComparison,
        output=st.just("y"),
        dtype=st.just("float32"),
        shape=st.just((2,)),
        passed=st.booleans(),
        total=st.integers(0, 3),
        mismatched=st.integers(0, 1),
    ),
    max_size=3,
).map(tuple)
expectations = st.none() | st.builds(
    Expectation,
    stage=st.sampled_from(list(Stage)),
    signature=st.sampled_from(["why", "other"]),
    outcome=st.sampled_from([Outcome.FAIL, Outcome.CRASH]),
    where=st.just("suites/expectations/s.t.yaml:7"),
)


@st.composite
def prefixes(draw: st.DrawFn) -> tuple[Depth, list[Event]]:
    """Any beginning of any story that a worker can tell."""
    depth = draw(depths)
    stages = stages_of(depth)
    chosen = stages[: draw(st.integers(1, len(stages)))]
    bad = draw(st.none() | st.sampled_from(BAD_STATUS))
    events = story(chosen, bad, draw(comparison_lists))
    return depth, events[: draw(st.integers(0, len(events)))]


@given(prefixes(), endings, expectations)
def test_every_story_has_one_record_and_pass_is_earned(
    told: tuple[Depth, list[Event]], ending: Ending, expectation: Expectation | None
) -> None:
    depth, events = told
    which = case(depth, expectation)
    record = judged(which, events, ending)
    assert (record.case, record.depth, record.seconds) == (which.id, depth, ending.seconds)
    assert record == judged(which, events, ending)
    assert msgspec.json.decode(msgspec.json.encode(record), type=Record) == record
    ended = {event.result.stage: event.result.status for event in events if isinstance(event, StageEnded)}
    finished = [event for event in events if isinstance(event, Finished)]
    if record.outcome in (Outcome.PASS, Outcome.XPASS):
        assert finished
        assert ended[LAST_STAGE[depth]] is StageStatus.PASS
        assert set(ended.values()) == {StageStatus.PASS}
        assert record.exit_status == "PASS"
        assert record.error is None
        if depth is Depth.EXECUTE:
            assert sum(each.total for each in finished[0].comparisons) > 0
            assert all(each.passed for each in finished[0].comparisons)
            assert record.reached_depth is Depth.EXECUTE
    else:
        assert record.exit_status != "PASS"
    if record.outcome not in (Outcome.PASS, Outcome.XPASS, Outcome.SKIP):
        assert record.error is not None
        assert record.error.signature
    if not finished:
        assert record.outcome not in (Outcome.PASS, Outcome.XPASS, Outcome.SKIP)
    if record.outcome is Outcome.XFAIL:
        assert expectation is not None
        assert record.error is not None
        assert record.error.signature == expectation.signature
    if record.outcome is Outcome.XPASS:
        assert any("suites/expectations/s.t.yaml:7" in note for note in record.notes)
    assert len({each.stage for each in record.stages}) == len(record.stages)


@pytest.mark.parametrize(
    ("ending", "outcome", "signature"),
    [
        (Ending(exit_code=0), Outcome.CRASH, "exited 0 without a result in compilation"),
        (Ending(exit_code=70), Outcome.CRASH, "exited 70 without a result in compilation"),
        (Ending(signal=11), Outcome.CRASH, "SIGSEGV in compilation"),
        (Ending(signal=9, reason="stage-deadline"), Outcome.TIMEOUT, "timed out in compilation"),
        (Ending(signal=9, reason="case-deadline"), Outcome.TIMEOUT, "timed out in compilation"),
        (Ending(signal=9, reason="memory-limit"), Outcome.OOM, "out of memory in compilation"),
        (Ending(signal=9, reason="kernel-oom"), Outcome.OOM, "out of memory in compilation"),
        (Ending(signal=9, reason="bad-events"), Outcome.CRASH, "wrote something that is no event in compilation"),
        (Ending(signal=9, reason="zygote-lost"), Outcome.INFRA, "the process that starts the cases died"),
    ],
)
def test_a_stage_cut_off_is_blamed(ending: Ending, outcome: Outcome, signature: str) -> None:
    told = story(stages_of(Depth.LOWER))[:-1]
    record = judged(case(), [*told, StageStarted(stage=Stage.COMPILATION)], ending)
    assert (record.outcome, record.exit_status) == (outcome, "compilation")
    assert record.error is not None
    assert record.error.signature == signature
    assert record.reached_depth is Depth.LOWER
    assert record.stages[-1].stage is Stage.COMPILATION
    assert record.stages[-1].log == "logs/m@onnx/compilation.log"


def test_between_two_stages_the_next_one_is_blamed_and_before_all_the_first() -> None:
    told = story(stages_of(Depth.COMPILE))[:-1]
    assert judged(case(), told, Ending(signal=11)).exit_status == "construct_inputs"
    assert judged(case(), [], Ending(exit_code=0)).exit_status == "setup"


def test_all_stages_without_the_last_word_is_a_crash() -> None:
    record = judged(case(), story(stages_of(Depth.EXECUTE))[:-1], CLEAN)
    assert record.outcome is Outcome.CRASH
    assert record.error is not None
    assert record.error.signature == "exited 0 without a result in comparison"


def test_numerics() -> None:
    told = story(stages_of(Depth.EXECUTE), StageStatus.FAIL, signature="values differ")
    record = judged(case(), told)
    assert (record.outcome, record.exit_status, record.reached_depth) == (Outcome.FAIL, "Numerics", Depth.COMPILE)


def test_a_passed_comparison_without_elements_is_not_believed() -> None:
    empty = msgspec.structs.replace(GOOD, total=0)
    for comparisons in ((), (empty,)):
        record = judged(case(), story(stages_of(Depth.EXECUTE), comparisons=comparisons))
        assert (record.outcome, record.exit_status) == (Outcome.FAIL, "Numerics")


def test_what_was_not_compared_is_skip_and_says_so() -> None:
    chosen = plan(case(), skip_stages=(Stage.COMPARISON,))
    record = judged(case(), story(chosen))
    assert (record.outcome, record.skip_reason) == (Outcome.SKIP, SkipReason.NOT_COMPARED)
    assert record.exit_status == "not-run"
    assert record.reached_depth is Depth.COMPILE
    assert record.stages[-1].status is StageStatus.SKIP
    assert judged(case(Depth.COMPILE), story(chosen)).outcome is Outcome.PASS


def test_a_process_that_dies_after_its_last_word_keeps_its_result() -> None:
    record = judged(case(), story(stages_of(Depth.EXECUTE)), Ending(signal=11))
    assert record.outcome is Outcome.PASS
    assert any("SIGSEGV" in note for note in record.notes)


def test_a_worker_that_talks_on_after_its_last_word_is_not_believed() -> None:
    record = judged(case(), story(stages_of(Depth.EXECUTE)), Ending(exit_code=0, reason="bad-events"))
    assert record.outcome is Outcome.CRASH


EXPECTED = Expectation(stage=Stage.COMPILATION, signature="why", where="suites/expectations/s.t.yaml:7")


@pytest.mark.parametrize(
    ("stages", "bad", "signature", "outcome"),
    [
        (Depth.COMPILE, StageStatus.FAIL, "why", Outcome.XFAIL),
        (Depth.COMPILE, StageStatus.FAIL, "another", Outcome.FAIL),
        (Depth.COMPILE, StageStatus.CRASH, "why", Outcome.CRASH),
        (Depth.IMPORT, StageStatus.FAIL, "why", Outcome.FAIL),
        (Depth.COMPILE, StageStatus.INFRA, "why", Outcome.INFRA),
        (Depth.EXECUTE, None, "why", Outcome.XPASS),
    ],
)
def test_an_expectation_must_agree_in_all_three(
    stages: Depth, bad: StageStatus | None, signature: str, outcome: Outcome
) -> None:
    record = judged(case(expectation=EXPECTED), story(stages_of(stages), bad, signature=signature))
    assert record.outcome is outcome
    told = [note for note in record.notes if EXPECTED.where in note]
    assert bool(told) == (outcome in (Outcome.FAIL, Outcome.CRASH, Outcome.XPASS))
    if outcome is Outcome.XPASS:
        assert "Delete that line" in told[0]


def test_an_expected_timeout_and_an_expected_crash_match_too() -> None:
    for ending, outcome, signature in (
        (Ending(signal=9, reason="stage-deadline"), Outcome.TIMEOUT, "timed out in setup"),
        (Ending(signal=11), Outcome.CRASH, "SIGSEGV in setup"),
    ):
        wanted = Expectation(stage=Stage.SETUP, signature=signature, outcome=outcome)
        record = judged(case(expectation=wanted), [StageStarted(stage=Stage.SETUP)], ending)
        assert record.outcome is Outcome.XFAIL

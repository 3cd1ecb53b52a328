from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.stages import plan
from runner.stages.plan import LAST_STAGE, machine_needs, needs, stages_of
from schemas.errors import UsageError
from schemas.words import Depth, Lowering, Stage
from tests.stages_support.cases import a_case

ALL = tuple(Stage)
stage_sets = st.lists(st.sampled_from(ALL), max_size=9, unique=True).map(tuple)


@pytest.mark.parametrize(
    ("depth", "last"),
    [
        (Depth.IMPORT, Stage.IMPORT_MODEL),
        (Depth.LOWER, Stage.PREPROCESS_MODEL),
        (Depth.COMPILE, Stage.COMPILATION),
        (Depth.EXECUTE, Stage.COMPARISON),
    ],
)
def test_a_depth_has_all_stages_down_to_its_last(depth: Depth, last: Stage) -> None:
    assert plan(a_case(depth=depth)) == ALL[: ALL.index(last) + 1]
    assert plan(a_case(), depth=depth)[-1] is last


@pytest.mark.parametrize("depth", [Depth.COMPILE_OP_BY_OP, Depth.EXECUTE_OP_BY_OP])
def test_op_by_op_has_the_stages_that_the_walk_reads_from(depth: Depth) -> None:
    assert plan(a_case(depth=depth)) == (Stage.SETUP, Stage.CONSTRUCT_INPUTS, Stage.OP_BY_OP)
    assert plan(a_case(depth=depth, lowering=Lowering.STABLEHLO)) == (
        Stage.SETUP, Stage.IMPORT_MODEL, Stage.PREPROCESS_MODEL, Stage.CONSTRUCT_INPUTS, Stage.OP_BY_OP,
    )  # fmt: skip
    with pytest.raises(UsageError, match="op_by_op, which the depth execute does not reach"):
        plan(a_case(), stages=(Stage.OP_BY_OP,))


def test_only_what_runs_operations_needs_a_device() -> None:
    compiles, runs = (a_case(depth=depth) for depth in (Depth.COMPILE_OP_BY_OP, Depth.EXECUTE_OP_BY_OP))
    assert machine_needs(compiles, plan(compiles)) - set(plan(compiles)) == {Stage.COMPILATION}
    assert machine_needs(runs, plan(runs)) - set(plan(runs)) == {Stage.COMPILATION, Stage.COMPILED_INFERENCE}
    assert machine_needs(a_case(), plan(a_case())) == set(plan(a_case()))


@given(stage_sets, stage_sets, st.sampled_from(list(LAST_STAGE)), st.sampled_from(list(Lowering)))
def test_a_plan_is_in_order_and_lacks_nothing_that_it_reads(
    stages: tuple[Stage, ...], skipped: tuple[Stage, ...], depth: Depth, lowering: Lowering
) -> None:
    case = a_case(lowering=lowering)
    try:
        chosen = plan(case, stages, skipped, depth)
    except UsageError:
        return
    assert chosen
    assert list(chosen) == sorted(set(chosen), key=ALL.index)
    assert set(chosen) <= set(stages_of(depth)) - set(skipped)
    assert not stages or set(chosen) == set(stages)
    assert all(set(needs(case, stage)) <= set(chosen) for stage in chosen)


def test_what_reads_from_a_stage_left_out_is_named() -> None:
    with pytest.raises(UsageError, match="comparison cannot run without native_inference"):
        plan(a_case(), skip_stages=(Stage.NATIVE_INFERENCE,))
    with pytest.raises(UsageError, match="import_model cannot run without setup"):
        plan(a_case(), stages=(Stage.IMPORT_MODEL,))
    with pytest.raises(UsageError, match="compilation cannot run without preprocess_model"):
        plan(a_case(lowering=Lowering.LINALG), skip_stages=(Stage.PREPROCESS_MODEL,))
    assert Stage.PREPROCESS_MODEL not in plan(a_case(), skip_stages=(Stage.PREPROCESS_MODEL,))


def test_contradictions() -> None:
    with pytest.raises(UsageError, match="does not reach"):
        plan(a_case(depth=Depth.IMPORT), stages=(Stage.SETUP, Stage.COMPARISON))
    with pytest.raises(UsageError, match="both in"):
        plan(a_case(), stages=(Stage.SETUP,), skip_stages=(Stage.SETUP,))
    with pytest.raises(UsageError, match="no stage is left"):
        plan(a_case(depth=Depth.IMPORT), skip_stages=(Stage.SETUP, Stage.IMPORT_MODEL))

"""Traps that other harnesses fell into when they compare, one test each, through the real compiler where it matters."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import openpyxl
import pytest
from onnx import TensorProto, helper

from results.shard import shard_view, write_shard
from results.view import View
from results.writers import junit, markdown
from runner.compare import compare
from runner.judge import judge
from runner.protocol import Event, Finished
from runner.signature import NOTHING_COMPARED
from runner.stages import plan
from schemas.case import Checks, Tolerance
from schemas.record import OutputComparison, Record, TokenComparison
from schemas.words import EXIT_NUMERICS, Depth, Outcome, SkipReason, Stage
from tests.results_support.build import shard_results
from tests.stages_support.cases import CLEAN, a_case, a_job, a_model, identity, run, store

X = np.array([[1.0, -2.0, 3.0], [4.0, 0.5, -6.0]], np.float32)


class Output(NamedTuple):
    name: str
    value: Any


def ran(folder: Path, golden: Sequence[Any], given: Any = X, **settings: Any) -> Record:
    """The record of a model that returns its input, run by the real tools against this golden."""
    stages = settings.pop("stages", None)
    onnx_type = helper.np_dtype_to_tensor_dtype(given.dtype)
    identity(folder / "model" / "model.onnx", onnx_type, given.shape)
    store(folder / "model", [given], golden)
    case = a_case(**settings)
    job = a_job(folder, folder / "model", case, stages=stages or plan(case))
    events, _, _ = run(job)
    return judged(case, events)


def judged(case: Any, events: Sequence[Event]) -> Record:
    return judge(case, events, CLEAN, shard=0, attempt=1, started="2026-11-20T02:17:00Z", reproduce="again")


def failed(record: Record) -> str:
    """The signature of a failure at comparison."""
    assert (record.outcome, record.exit_status) == (Outcome.FAIL, EXIT_NUMERICS)
    assert record.error is not None
    return record.error.signature


def shown(*records: Record) -> View:
    return shard_view(shard_results(records, suite=records[0].suite, target=records[0].target), None)


# ---- tolerance ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tolerance", "passes"),
    [
        (Tolerance(atol=1e-2, rtol=0), True),
        (Tolerance(atol=1e-3, rtol=0), False),
        (Tolerance(atol=0, rtol=1e-2), True),
        (Tolerance(atol=0, rtol=1e-4), False),
        (Tolerance(relative_atol=1e-3, rtol=0), True),
        (Tolerance(relative_atol=1e-5, rtol=0), False),
    ],
)
def test_alt_e2eshark_a_tolerance_that_is_parsed_is_used(tmp_path: Path, tolerance: Tolerance, passes: bool) -> None:
    """There 1e-3 is hard-wired, whatever --tolerance says."""
    record = ran(tmp_path, [X + np.float32(0.004) * (X == 0.5)], tolerance=tolerance)
    assert (record.outcome is Outcome.PASS) == passes
    assert record.tolerance == tolerance
    if not passes:
        assert failed(record) == "values differ"


# ---- what is compared -----------------------------------------------------------------------------------------------


def test_alt_e2eshark_nothing_is_broadcast(tmp_path: Path) -> None:
    ones = np.ones((2, 3), np.float32)
    assert failed(ran(tmp_path, [np.ones((3,), np.float32)], ones)) == "shape differs"
    assert compare([Output("y", np.float32(1))], [ones], Tolerance()).signature == "shape differs"


def test_alt_e2eshark_nothing_is_cast_to_the_type_of_the_golden(tmp_path: Path) -> None:
    """3.7 read as an integer is 3, and would pass."""
    record = ran(tmp_path, [np.array([3], np.int64)], np.array([3.7], np.float32))
    assert failed(record) == "dtype float32, expected int64"


def test_alt_e2eshark_empty_tensors_are_no_pass(tmp_path: Path) -> None:
    empty = np.zeros((0, 3), np.float32)
    verdict = compare([Output("y", empty)], [empty], Tolerance())
    assert verdict.signature == NOTHING_COMPARED
    comparison = verdict.comparisons[0]
    record = told_pass(comparisons=(comparison,))
    assert failed(record) == NOTHING_COMPARED
    assert ran(tmp_path, [X]).comparisons[0].total == 6, "and what passes was compared"


def test_e2eshark_outputs_beyond_the_golden_list_fail(tmp_path: Path) -> None:
    nodes = [helper.make_node("Identity", ["x"], ["y"]), helper.make_node("Neg", ["x"], ["z"])]
    values = [("y", TensorProto.FLOAT, [2, 3]), ("z", TensorProto.FLOAT, [2, 3])]
    a_model(tmp_path / "model" / "model.onnx", nodes, [("x", TensorProto.FLOAT, [2, 3])], values)
    store(tmp_path / "model", [X], [X])
    job = a_job(tmp_path, tmp_path / "model")
    record = judged(job.case, run(job)[0])
    assert (record.outcome, record.exit_status) == (Outcome.FAIL, "native_inference"), "refused before it is compared"
    verdict = compare([Output("y", X)], [X, -X], Tolerance())
    assert verdict.signature == "output count differs"
    assert [(each.output, each.passed) for each in verdict.comparisons] == [("y", True), ("output 1", False)]
    fewer = compare([Output("y", X), Output("z", -X)], [X], Tolerance())
    assert fewer.signature == "output count differs"


# ---- no verdict without a comparison --------------------------------------------------------------------------------


@pytest.mark.parametrize("left_out", [Stage.COMPARISON, Stage.NATIVE_INFERENCE])
def test_alt_e2eshark_skipped_stages_are_no_pass(tmp_path: Path, left_out: Stage) -> None:
    skipped = (left_out, Stage.COMPARISON, Stage.POSTPROCESSING)
    record = ran(tmp_path, [X], stages=plan(a_case(), skip_stages=skipped))
    assert (record.outcome, record.skip_reason) == (Outcome.SKIP, SkipReason.NOT_COMPARED)
    assert record.exit_status != "PASS"


def test_alt_e2eshark_a_comparison_that_says_pass_must_show_elements() -> None:
    assert failed(told_pass(comparisons=())) == NOTHING_COMPARED
    wrong = msgspec.structs.replace(GOOD, mismatched=1)
    assert failed(told_pass(comparisons=(wrong,))) == "values differ"


GOOD = OutputComparison(output="y", dtype="float32", shape=(2,), passed=True, total=2, pcc=1.0, max_abs=0.0)


def told_pass(**last: Any) -> Record:
    """The record of a worker that says that all its stages passed."""
    from tests.test_runner_judge_laws import case, stages_of, story  # noqa: PLC0415 - needed here only

    which = case()
    *events, _ = story(stages_of(which.depth))
    return judged(which, [*events, Finished(**last)])


# ---- precision ------------------------------------------------------------------------------------------------------


def test_tt_torch_a_correlation_is_no_string_of_two_decimals(tmp_path: Path) -> None:
    """0.9899 reads 0.99 there."""
    expected = np.arange(100.0)
    noise = np.random.default_rng(0).normal(size=100)
    scale = next(s for s in np.linspace(3, 6, 3001) if 0.985 < np.corrcoef(expected + s * noise, expected)[0, 1] < 0.99)
    verdict = compare([Output("y", expected)], [expected + scale * noise], Tolerance(atol=100, pcc=0.99))
    assert verdict.signature == "PCC too low"
    (one,) = verdict.comparisons
    assert one.pcc is not None
    assert f"{one.pcc:.2f}" == "0.99"
    record = msgspec.structs.replace(ran(tmp_path / "run", [X]), comparisons=(one,))
    assert msgspec.json.decode(msgspec.json.encode(record), type=Record).comparisons[0].pcc == one.pcc
    assert tags(record)["pcc"] == one.pcc
    write_shard(tmp_path, shard_results([record]), None)
    (_, row, *_) = openpyxl.load_workbook(tmp_path / "report.xlsx")["Comparisons"].values
    assert row[6] == one.pcc


def tags(record: Record) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(junit.properties(record)["tags"])
    return found


def test_tt_torch_the_worst_output_speaks_for_the_case() -> None:
    record = told_pass(comparisons=(GOOD, msgspec.structs.replace(GOOD, output="z", pcc=0.5, max_abs=3.0)))
    assert (tags(record)["pcc"], tags(record)["atol"]) == (0.5, 3.0)


# ---- NaN ------------------------------------------------------------------------------------------------------------


def test_tt_torch_nan_in_the_golden_spoils_no_figure(tmp_path: Path) -> None:
    """There a NaN in the golden makes the correlation NaN."""
    given = X.copy()
    given[0, 1], given[1, 2] = np.nan, -np.inf
    record = ran(tmp_path, [given], given, tolerance=Tolerance(pcc=0.99))
    (one,) = record.comparisons
    assert record.outcome is Outcome.PASS
    assert (one.pcc, one.cosine, one.max_abs, one.total) == (1.0, 1.0, 0.0, 6)


@pytest.mark.parametrize("checks", [Checks(), Checks(pcc=False, atol=False, tokens=False, issue="https://i.example")])
def test_tt_torch_nan_elsewhere_fails_whatever_is_disabled(tmp_path: Path, checks: Checks) -> None:
    given, golden = X.copy(), X.copy()
    given[0, 0], golden[1, 1] = np.nan, np.nan
    assert failed(ran(tmp_path, [golden], given, checks=checks)) == "NaN or infinity differs"


def test_shape_type_and_count_fail_whatever_is_disabled() -> None:
    checks = Checks(pcc=False, atol=False, tokens=False, issue="https://i.example")
    golden = [Output("y", X)]
    for outputs, said in (([X[0]], "shape differs"), ([X.astype(np.float64)], "dtype"), ([X, X], "output count")):
        signature = compare(golden, outputs, Tolerance(), checks).signature
        assert signature is not None
        assert signature.startswith(said)


# ---- disabled checks ------------------------------------------------------------------------------------------------

ISSUE = "https://issues.example/7"


def test_tt_torch_a_disabled_check_is_measured_and_shown(tmp_path: Path) -> None:
    """There an output that no check asserts reads as correct."""
    record = ran(
        tmp_path,
        [-X],
        tolerance=Tolerance(pcc=0.99, atol=0.01, rtol=0),
        checks=Checks(pcc=False, atol=False, issue=ISSUE),
    )
    (one,) = record.comparisons
    assert (record.outcome, one.passed, one.reason) == (Outcome.PASS, True, "")
    assert (one.mismatched, one.total, one.pcc) == (6, 6, pytest.approx(-1.0))
    assert one.unasserted.startswith("6 of 6 elements differ; PCC -")
    assert record.checks == Checks(pcc=False, atol=False, issue=ISSUE)
    assert record.notes[-2:] == (
        f"PCC check disabled: y {one.pcc!r}, required 0.99 ({ISSUE})",
        f"ATOL check disabled: y 6 of 6 differ ({ISSUE})",
    )
    head = shown(record).head
    assert (head.unchecked.passed, head.unchecked.would_fail) == (1, 1)
    assert "PASS with disabled checks: 1, of which 1 would fail" in markdown.render(shown(record))
    assert (tags(record)["is_asserting_pcc"], tags(record)["is_asserting_atol"]) == (False, False)


def test_a_disabled_check_that_would_pass_says_so(tmp_path: Path) -> None:
    record = ran(tmp_path, [X], tolerance=Tolerance(pcc=0.99), checks=Checks(pcc=False, issue=ISSUE))
    assert record.notes[-1] == f"PCC check disabled: it would have passed ({ISSUE})"
    assert (shown(record).head.unchecked.passed, shown(record).head.unchecked.would_fail) == (1, 0)


def test_one_disabled_check_leaves_the_other(tmp_path: Path) -> None:
    tolerance = Tolerance(pcc=0.99, atol=0.01, rtol=0)
    only_pcc = ran(tmp_path / "a", [-X], tolerance=tolerance, checks=Checks(atol=False, issue=ISSUE))
    assert failed(only_pcc) == "PCC too low"
    assert only_pcc.comparisons[0].unasserted == "6 of 6 elements differ"
    only_atol = ran(tmp_path / "b", [-X], tolerance=tolerance, checks=Checks(pcc=False, issue=ISSUE))
    assert failed(only_atol) == "values differ"
    assert only_atol.comparisons[0].unasserted.startswith("PCC ")
    assert shown(only_atol).head.unchecked.passed == 0, "a failure is no pass with a disabled check"


def test_a_worker_cannot_disable_a_check_that_the_case_asks_for() -> None:
    excused = msgspec.structs.replace(GOOD, mismatched=1, unasserted="1 of 2 elements differ")
    assert failed(told_pass(comparisons=(excused,))) == "values differ"


# ---- tokens ---------------------------------------------------------------------------------------------------------


def test_tt_torch_tokens_that_pass_do_not_read_as_incorrect() -> None:
    """There the numbers of equal texts read INCORRECT_RESULT."""
    ids = msgspec.structs.replace(GOOD, output="ids", dtype="int64", mismatched=1, pcc=0.2, max_abs=40.0)
    text = TokenComparison(output="ids", passed=True, expected="a", actual="a", first_difference=0, reason="told")
    record = told_pass(comparisons=(ids,), tokens=(text,))
    assert (record.outcome, record.exit_status) == (Outcome.PASS, "PASS")
    assert (tags(record)["pcc"], tags(record)["atol"]) == (None, None), "figures of ids say nothing of the case"
    assert tags(record)["bringup_status"] == "PASSED"


# ---- reached depth --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stages", "reached"),
    [((Stage.SETUP, Stage.IMPORT_MODEL), Depth.IMPORT), ((Stage.SETUP,), None)],
)
def test_tt_torch_the_reached_depth_is_observed(
    tmp_path: Path, stages: tuple[Stage, ...], reached: Depth | None
) -> None:
    """There it is the configured one."""
    record = ran(tmp_path, [X], stages=stages)
    assert (record.depth, record.reached_depth) == (Depth.EXECUTE, reached)
    assert junit.properties(record)["achieved_compile_depth"] == (reached or "")


def test_tt_torch_a_failed_compilation_did_not_reach_compile(tmp_path: Path) -> None:
    record = ran(tmp_path, [X], compile_flags=("--no-such-flag",))
    assert (record.exit_status, record.depth, record.reached_depth) == ("compilation", Depth.EXECUTE, Depth.LOWER)


def test_a_failed_comparison_did_not_reach_execute(tmp_path: Path) -> None:
    record = ran(tmp_path, [-X])
    assert record.reached_depth is not Depth.EXECUTE


# ---- reports --------------------------------------------------------------------------------------------------------


def test_tt_torch_figures_of_a_failure_reach_junit(tmp_path: Path) -> None:
    record = ran(tmp_path, [-X], tolerance=Tolerance(pcc=0.99, atol=0.01, rtol=0))
    junit.write(shown(record), tmp_path / "junit.xml")
    case = ET.parse(tmp_path / "junit.xml").getroot()[0][0]  # noqa: S314 - our own file
    properties = {each.attrib["name"]: each.attrib["value"] for each in case[0]}
    found = msgspec.json.decode(properties["tags"])
    assert (found["pcc"], found["atol"]) == (pytest.approx(-1.0), 12.0)
    assert (found["required_pcc"], found["required_atol"]) == (0.99, 0.01)
    assert (found["is_asserting_pcc"], found["is_asserting_atol"]) == (True, True)
    assert case[1].tag == "failure"

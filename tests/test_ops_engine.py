"""Each operation alone: what it does costs it alone, it is run once, and nothing that was found out is lost."""

from __future__ import annotations

import pathlib
import time
import uuid
from collections.abc import Iterator

import pytest

from schemas.opwords import OpStatus
from schemas.words import Depth, Outcome, Stage, StageStatus
from tests.ops_support.suite import OpSuite, node
from tests.runner_support.build import marked
from tests.runner_support.faults import MARKER

pytestmark = pytest.mark.slow

FAULTS = {
    "crash": (StageStatus.CRASH, "SIGSEGV in import"),
    "hang": (StageStatus.TIMEOUT, "timed out in import"),
    "leave": (StageStatus.CRASH, "exited 0 without a result in import"),
    "eat": (StageStatus.OOM, "out of memory"),
    "gulp": (StageStatus.OOM, "out of memory"),
}
OPS = dict(zip(FAULTS, ("Neg", "Exp", "Ceil", "Floor", "Sin"), strict=True))


@pytest.fixture(name="marker")
def _marker(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """What all processes of a test bear in their environment; none may be left of them."""
    marker = uuid.uuid4().hex
    monkeypatch.setenv(MARKER, marker)
    yield marker
    patience = time.monotonic() + 5
    while (left := marked(marker)) and time.monotonic() < patience:
        time.sleep(0.05)
    assert left == []


def until(path: pathlib.Path, text: str, count: int = 1) -> None:
    """Wait for a journal to have so many lines with a text."""
    patience = time.monotonic() + 120
    while not path.is_file() or path.read_text().count(text) < count:
        assert time.monotonic() < patience, f"no {text} in {path}"
        time.sleep(0.02)


@pytest.mark.usefixtures("marker")
def test_a_fault_is_its_operations_own(tmp_path: pathlib.Path) -> None:
    suite = OpSuite(tmp_path, jobs=2)
    for fault, op in OPS.items():
        fine = [] if fault == "hang" else [node("Abs", "daemon", ["b"], "a")]
        nodes = [node(op, fault, ["x"], "b"), *fine]
        suite.model(f"of-{fault}", nodes, settings="op-timeout: 2s" if fault == "hang" else "")
    suite.walk(*(f"of-{fault}" for fault in FAULTS))
    for fault, (outcome, signature) in FAULTS.items():
        record = suite.record(f"of-{fault}")
        assert record.outcome is Outcome.PASS, fault
        results = suite.results(f"of-{fault}")
        result = results[OPS[fault]]
        assert (result.outcome, result.status) == (outcome, OpStatus.CREATED_GRAPH), fault
        assert result.error is not None
        assert result.error.signature.startswith(signature), result.error
        assert record.ops is not None
        assert record.ops.by_status[OpStatus.CREATED_GRAPH] == 1
        assert record.ops.crashes == (outcome is StageStatus.CRASH)
        assert record.ops.timeouts == (outcome is StageStatus.TIMEOUT)
        if fault != "hang":
            assert results["Abs"].verified, "the next operation was run, whatever the one before it had left"
            assert record.reached_depth is Depth.EXECUTE_OP_BY_OP


def test_a_value_that_does_not_fit_is_the_models_own(tmp_path: pathlib.Path) -> None:
    """Goldens are the framework's, of the whole model: 2 GiB between two small values end the case, and are named."""
    suite = OpSuite(tmp_path)
    nodes = [
        node("Constant", "k", [], "k", value_ints=[4, 1 << 27]),
        node("ReduceSum", "sum", ["x"], "s", keepdims=1),
        node("Expand", "large", ["s", "k"], "b"),
        node("ReduceMax", "max", ["b"], "m", keepdims=1),
        node("Add", "last", ["x", "m"], "y"),
    ]
    suite.model("large", nodes)
    suite.walk("large", code=1)
    record = suite.record("large")
    assert (record.outcome, record.exit_status) == (Outcome.OOM, str(Stage.OP_BY_OP))
    assert record.error is not None
    assert record.error.signature == "out of memory in op_by_op"


@pytest.mark.usefixtures("marker")
def test_a_killed_case_keeps_its_finished_operations(tmp_path: pathlib.Path) -> None:
    suite = OpSuite(tmp_path)
    suite.model("killed", [node("Abs", "first", ["x"], "a"), node("Neg", "kill-case", ["a"], "b")])
    suite.walk("killed", code=1, options=["--engine", "solo"])  # nothing is looked ahead at
    record = suite.record("killed")
    assert (record.outcome, record.exit_status) == (Outcome.CRASH, "op_by_op")
    assert record.ops is not None
    assert (record.ops.uses, record.ops.verified) == (1, 1)
    assert list(suite.results("killed")) == ["Abs"]


def test_kill_9_loses_the_operation_in_flight_alone(tmp_path: pathlib.Path, marker: str) -> None:
    suite = OpSuite(tmp_path)
    nodes = [node("Abs", "first", ["x"], "a"), node("Neg", "hang", ["a"], "b"), node("Exp", "last", ["b"], "c")]
    suite.model("hangs", nodes)
    for attempt in (1, 2):
        with suite.start("onnx/hangs", "--target", "cpu", *(["--resume"] if attempt > 1 else [])) as process:
            until(suite.ran, "Neg", attempt)
            process.kill()
        patience = time.monotonic() + 10
        while marked(marker) and time.monotonic() < patience:
            time.sleep(0.05)
        assert marked(marker) == [], "the walk's processes went with the runner"
    assert list(suite.results("hangs")) == ["Abs"]
    suite.walk("hangs", options=["--resume"])
    results = suite.results("hangs")
    assert results["Neg"].outcome is StageStatus.CRASH
    assert results["Neg"].error is not None
    assert results["Neg"].error.signature == "in flight twice when the case's process died"
    assert results["Exp"].verified
    assert suite.ran_ops() == ["Abs", "Neg", "Neg", "Exp"], "what had ended was not run again"
    assert [use.index for use in suite.uses("hangs")] == [0, 1, 2]
    record = suite.record("hangs")
    assert record.ops is not None
    assert (record.outcome, record.ops.uses, record.ops.verified) == (Outcome.PASS, 3, 2)


def test_two_runners_at_once_run_an_operation_once(tmp_path: pathlib.Path) -> None:
    suite = OpSuite(tmp_path)
    suite.model("both", [node("Abs", "a", ["x"], "a"), node("Exp", "b", ["a"], "b")])
    runs = [suite.start("onnx/both", "--target", "cpu", "--out", f"out{number}") for number in range(2)]
    for process in runs:
        with process:
            _, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
    assert sorted(suite.ran_ops()) == ["Abs", "Exp"]


def test_an_operation_is_run_once_for_all_models_that_use_it(tmp_path: pathlib.Path) -> None:
    suite = OpSuite(tmp_path)
    suite.model("one", [node("Abs", "a", ["x"], "a"), node("Neg", "b", ["a"], "b"), node("Abs", "c", ["b"], "c")])
    suite.model("two", [node("Exp", "p", ["x"], "a"), node("Abs", "q", ["a"], "b")])
    suite.walk("one", "two")
    assert sorted(suite.ran_ops()) == ["Abs", "Exp", "Neg"]
    totals = [suite.record(name).ops for name in ("one", "two")]
    assert [(each.uses, each.unique, each.verified) for each in totals if each] == [(3, 2, 3), (2, 2, 2)]
    assert sum(each.reused for each in totals if each) == 1
    digest = {name: suite.results(name)["Abs"].digest for name in ("one", "two")}
    assert digest["one"] == digest["two"]
    assert [use.node for use in suite.uses("one") if use.digest == digest["one"]] == ["a", "c"]
    suite.walk("one", "two")
    assert len(suite.ran_ops()) == 3, "a later run takes all from the store"


def test_a_compilers_failure_says_how_far_it_came(tmp_path: pathlib.Path) -> None:
    suite = OpSuite(tmp_path)
    to_int4, back = {"to": 22}, {"to": 1}
    suite.model("late", [node("Cast", "p", ["x"], "a", **to_int4), node("Cast", "q", ["a"], "b", **back)], size=3)
    axis = [node("Constant", "k", [], "k", value_int=0), node("CumProd", "c", ["x", "k"], "a")]
    suite.model("early", axis, opset=26)
    suite.walk("late", "early")
    early = suite.results("early")["CumProd"]
    assert (early.status, early.outcome, early.stopped) == (OpStatus.TORCH_IR, StageStatus.FAIL, "compile")
    assert early.error is not None
    assert early.error.signature == "failed to legalize operation 'torch.operator': onnx.CumProd"
    assert [(use.name, use.skip) for use in suite.uses("early")] == [
        ("onnx.Constant", "constant"),
        ("onnx.CumProd", None),
    ]
    late = {each.status: each for each in suite.all_results("late") if each.outcome is StageStatus.FAIL}
    assert OpStatus.DISPATCHES in late, late
    assert [name for name, _ in late[OpStatus.DISPATCHES].ir] == ["module", "linalg", "flow"]
    assert [name for name, _ in early.ir] == ["module"]
    record = suite.record("early")
    assert (record.outcome, record.reached_depth) == (Outcome.PASS, None), "no operation came further"


def test_wrong_values_fail_no_case_and_leave_a_bundle_that_repeats_them(tmp_path: pathlib.Path) -> None:
    suite = OpSuite(tmp_path)
    suite.model("inexact", [node("Exp", "a", ["x"], "a")], size=32, settings="tolerance: {atol: 0, rtol: 0}")
    suite.model("tolerant", [node("Exp", "a", ["x"], "a")], size=32)
    suite.walk("inexact", "tolerant")
    record, result = suite.record("inexact"), suite.results("inexact")["Exp"]
    assert (record.outcome, record.ops and record.ops.verified) == (Outcome.PASS, 0)
    assert (result.status, result.verified, result.stopped) == (OpStatus.EXECUTED, False, "verify")
    (comparison,) = result.comparisons
    assert comparison.mismatched > 0
    assert comparison.pcc is not None
    assert 0.999 < comparison.pcc <= 1
    assert suite.results("tolerant")["Exp"].verified, "the same operation, judged by another tolerance"
    bundle = suite.folder / result.bundle
    assert (bundle / "bundle.json").is_file()
    said = suite.run(str(bundle), code=1, faulty=False)
    assert "Numerics" in said
    assert "values differ" in said


def test_a_failure_from_the_store_has_its_bundle_too(tmp_path: pathlib.Path) -> None:
    suite = OpSuite(tmp_path)
    suite.model("early", [node("Constant", "k", [], "k", value_int=0), node("CumProd", "c", ["x", "k"], "a")], opset=26)
    for _ in range(2):
        suite.walk("early")
    result = suite.results("early")["CumProd"]
    assert result.reused
    said = suite.run(str(suite.folder / result.bundle), code=1, faulty=False)
    assert "failed to legalize operation 'torch.operator': onnx.CumProd" in said
    assert f"--depth execute-op-by-op --op {result.digest[:16]}" not in result.reproduce, "the suite's own depth"
    assert result.reproduce.endswith(f"--op {result.digest[:16]}")


def test_one_operation_is_run_anew(tmp_path: pathlib.Path) -> None:
    suite = OpSuite(tmp_path)
    suite.model("one", [node("Abs", "a", ["x"], "a"), node("Neg", "b", ["a"], "b"), node("Abs", "c", ["b"], "c")])
    suite.walk("one")
    digest = suite.results("one")["Neg"].digest
    for text in ("1", digest[:12], "onnx.Neg"):
        before = len(suite.ran_ops())
        said = suite.walk("one", options=["--op", text])
        assert suite.ran_ops()[before:] == ["Neg"], text
        assert "7 EXECUTED, verified" in said, text
        assert digest in said
        assert [use.index for use in suite.uses("one")] == [1]
    said = suite.walk("one", code=1, options=["--op", "onnx.Nag"])
    assert "the model has no such operation" in said
    assert "did you mean" not in said
    said = suite.walk("one", code=2, options=["--op", "1", "--depth", "compile"])
    assert "add --depth execute-op-by-op" in said


def test_compiling_alone_needs_no_run(tmp_path: pathlib.Path) -> None:
    suite = OpSuite(tmp_path, depth="compile-op-by-op")
    suite.model("one", [node("Abs", "a", ["x"], "a"), node("Neg", "b", ["a"], "b")])
    suite.walk("one")
    record = suite.record("one")
    assert (record.outcome, record.reached_depth) == (Outcome.PASS, Depth.COMPILE_OP_BY_OP)
    assert [each.name for each in suite.results("one")["Abs"].steps] == ["import", "compile"]
    assert record.ops is not None
    assert (record.ops.by_status[OpStatus.COMPILED], record.ops.compared) == (2, 0)
    suite.walk("one", options=["--depth", "execute-op-by-op"])
    assert suite.results("one")["Abs"].verified, "what was only compiled does not stand for a run"
    ran = len(suite.ran_ops())
    suite.walk("one")
    assert suite.results("one")["Abs"].status is OpStatus.COMPILED
    assert len(suite.ran_ops()) == ran, "what was run was compiled too"


def test_a_model_that_cannot_be_walked_fails(tmp_path: pathlib.Path) -> None:
    suite = OpSuite(tmp_path)
    suite.model("refused", [node("Abs", "a", ["x"], "a"), node("Neg", "refuse", ["a"], "b")])
    suite.walk("refused", code=1)
    record = suite.record("refused")
    assert (record.outcome, record.exit_status) == (Outcome.FAIL, str(Stage.OP_BY_OP))
    assert record.error is not None
    assert record.error.signature == "RuntimeError: this model cannot be walked"
    assert record.ops is not None
    assert record.ops.verified == 1


def test_operations_are_timed_where_that_is_asked_for(tmp_path: pathlib.Path) -> None:
    suite = OpSuite(tmp_path)
    suite.model("one", [node("Abs", "a", ["x"], "a"), node("Abs", "b", ["a"], "b")])
    suite.walk("one")
    assert suite.results("one")["Abs"].profile is None
    suite.walk("one", options=["--profile-ops"])
    profile = suite.results("one")["Abs"].profile
    assert profile is not None
    assert 0 < profile.seconds < 0.1
    assert profile.runs > 10
    record = suite.record("one")
    assert record.metrics["ops_profile_seconds"] == pytest.approx(2 * profile.seconds)
    assert any(note.startswith("profile: ") and "onnx.Abs 100 %" in note for note in record.notes)

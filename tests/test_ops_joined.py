"""Operations compiled together come to what they come to alone, and a fault among them costs the others nothing."""

from __future__ import annotations

import pathlib
import time

import pytest

from runner.ops.alone import Wish
from runner.ops.store import OpStore
from runner.store import Store
from schemas.ops import OpResult
from schemas.opwords import OpStatus
from schemas.words import Outcome, StageStatus
from tests.ops_support.chains import MANY, OPS, chain, counts
from tests.ops_support.suite import OpSuite, node
from tests.stages_support.cases import a_case

pytestmark = pytest.mark.slow


def verdict(result: OpResult) -> tuple[object, ...]:
    """All but times, and what only one of several ways can tell."""
    signature = "" if result.error is None else result.error.signature
    steps = tuple((each.name, each.status) for each in result.steps)
    ending = (result.status, result.outcome, result.stopped, result.verified, signature)
    return (result.key, ending, result.comparisons, result.dispatches, steps, [name for name, _ in result.ir])


@pytest.mark.parametrize("ops", [OPS, MANY], ids=["one-compiler", "two-compilers"])
def test_together_or_alone_is_the_same(tmp_path: pathlib.Path, ops: tuple[str, ...]) -> None:
    found = {}
    for engine in ("auto", "solo"):
        suite = OpSuite(tmp_path / engine, memory="4GiB")
        wrong = [node("Constant", "k", [], "k", value_int=0), node("CumProd", "c", [f"v{len(ops) - 1}", "k"], "y")]
        suite.model("mixed", [*chain(ops=ops), *wrong], opset=26)
        suite.walk("mixed", options=["--engine", engine])
        found[engine] = [verdict(each) for each in sorted(suite.all_results("mixed"), key=lambda each: each.digest)]
        assert [use.index for use in suite.uses("mixed")] == list(range(len(ops) + 2))
        joined, rejudged = counts(suite, "mixed")
        assert joined + rejudged == (len(ops) if engine == "auto" else 0)
        assert (rejudged >= 1) == (engine == "auto")
    assert found["auto"] == found["solo"]
    assert len(found["auto"]) == len(ops) + 1


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ("crash", StageStatus.CRASH),
        ("leave", StageStatus.CRASH),
        ("hang", StageStatus.TIMEOUT),
        ("eat", StageStatus.OOM),
        ("gulp", StageStatus.OOM),
    ],
)
def test_a_fault_among_several_is_its_operations_own(tmp_path: pathlib.Path, fault: str, outcome: StageStatus) -> None:
    suite = OpSuite(tmp_path)
    settings = "op-timeout: 10s" if fault == "hang" else ""
    suite.model("faulty", chain({"Exp": fault}), settings=settings)
    suite.walk("faulty")
    results = suite.results("faulty")
    assert results["Exp"].outcome is outcome
    assert all(each.verified for name, each in results.items() if name != "Exp")
    assert suite.record("faulty").outcome is Outcome.PASS
    assert len(results) == len(OPS)


def test_who_fails_in_company_only_passes_alone(tmp_path: pathlib.Path) -> None:
    suite = OpSuite(tmp_path)
    suite.model("once", chain({"Sin": "crash1"}))
    suite.walk("once")
    assert all(each.verified for each in suite.all_results("once"))
    assert suite.ran_ops().count("Sin") == 2
    assert counts(suite, "once") == (0, 0)


def test_a_sample_that_disagrees_is_believed(tmp_path: pathlib.Path) -> None:
    suite = OpSuite(tmp_path)
    suite.model("liar", chain(dict.fromkeys(OPS, "leave2")))
    suite.walk("liar")
    record, results = suite.record("liar"), suite.all_results("liar")
    assert [each.outcome for each in results] == [StageStatus.CRASH] * len(OPS), "nothing joined is believed after that"
    assert any(each.startswith("passed when compiled with other operations, and not alone") for each in record.notes)
    assert counts(suite, "liar") == (0, 1)


def test_killed_with_others_in_flight_is_no_crash_of_theirs(tmp_path: pathlib.Path) -> None:
    suite = OpSuite(tmp_path)
    suite.model("hangs", chain({"Floor": "hang"}), settings="op-timeout: 60s")
    for attempt in (1, 2, 3):
        with suite.start("onnx/hangs", "--target", "cpu", *(["--resume"] if attempt > 1 else [])) as process:
            patience = time.monotonic() + 120
            while suite.ran_ops().count("Floor") < attempt:
                assert time.monotonic() < patience
                time.sleep(0.02)
            process.kill()
    suite.walk("hangs", options=["--resume"])
    results = suite.results("hangs")
    assert results["Floor"].outcome is StageStatus.CRASH
    assert results["Floor"].error is not None
    assert results["Floor"].error.signature == "in flight twice when the case's process died"
    assert all(each.verified for name, each in results.items() if name != "Floor"), "they were begun alone, and once"
    started = suite.journal("hangs").read_text().count('"joined":true')
    assert started == len(OPS), "a batch that was cut off is not tried again"


def test_a_walk_that_ends_early_keeps_what_was_looked_ahead_at(tmp_path: pathlib.Path) -> None:
    suite = OpSuite(tmp_path)
    suite.model("refused", [*chain(), node("Cos", "refuse", ["v5"], "y")])
    suite.walk("refused", code=1)
    record = suite.record("refused")
    assert (record.outcome, record.exit_status) == (Outcome.FAIL, "op_by_op")
    assert record.ops is not None
    assert record.ops.verified == len(OPS)


def test_another_model_takes_what_is_known(tmp_path: pathlib.Path) -> None:
    suite = OpSuite(tmp_path)
    suite.model("one", chain())
    suite.model("two", [*chain(), node("Cos", "c", ["v5"], "y")])
    suite.walk("one")
    before = len(suite.ran_ops())
    suite.walk("two")
    assert suite.ran_ops()[before:] == ["Cos"]
    assert counts(suite, "two") == (0, 0), "one alone is not worth a batch"


def test_claims_of_several_never_wait(tmp_path: pathlib.Path) -> None:
    wish = Wish(executes=True, verifies=True, profiles=False)
    stores = [OpStore(Store(tmp_path), tmp_path / "run", "same", a_case(), wish) for _ in range(2)]
    with stores[0].claimed("b"), stores[1].claimed_at_once(["a", "b", "c"]) as mine:
        assert mine == ("a", "c")
    with stores[1].claimed_at_once(["a", "b", "b"]) as mine:
        assert mine == ("a", "b", "b")


def test_only_compiled_operations_are_joined_too(tmp_path: pathlib.Path) -> None:
    suite = OpSuite(tmp_path, depth="compile-op-by-op")
    suite.model("one", chain())
    suite.walk("one")
    results = suite.all_results("one")
    assert [each.status for each in results] == [OpStatus.COMPILED] * len(OPS)
    assert [each.name for each in results[0].steps] == ["import", "compile"]
    assert sum(counts(suite, "one")) == len(OPS)


def test_what_is_asked_for_by_itself_is_run_alone(tmp_path: pathlib.Path) -> None:
    suite = OpSuite(tmp_path)
    suite.model("one", chain())
    suite.walk("one", options=["--profile-ops"])
    assert counts(suite, "one") == (0, 0)
    assert all(each.profile for each in suite.all_results("one"))

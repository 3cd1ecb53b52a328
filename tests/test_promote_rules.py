"""What runs say of a model on a target becomes the lists it is in: one rule a test, through the command line."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from results.cli import main
from results.merge import merge
from results.promote.command import propose
from results.promote.decide import Decision, Move
from runner.compare.checks import Measured, judge_output
from schemas.case import Checks, Setting, Tolerance
from schemas.errors import Exit, UsageError
from schemas.record import ErrorInfo, OutputComparison, Record
from schemas.words import Depth, Outcome, Stage
from schemas.words import Path as ModelPath
from suites import workspace
from tests.promote_support import SIGNATURE, journals, make, members, ops, record, report

A, B, G, H = (f"onnx/net/{name}" for name in "abgh")
PASSING = frozenset({"nightly-execute", "weekly-op-by-op"})
BRING_UP = frozenset({"nightly-op-by-op"})
PARTLY = {6: 2, 7: 5}
REPOSITORY = "https://git.example/team/models"


class Case:
    """A suites folder and runs over it."""

    def __init__(self, folder: Path, **manifests: str) -> None:
        self.root = make(folder / "suites", **manifests)
        self.folder = folder
        self.paths: list[Path] = []

    def run(self, *records: Record) -> Case:
        self.paths.append(report(self.folder / f"run-{len(self.paths)}", *records))
        return self

    def decisions(self, runs: int = 3) -> dict[tuple[str, str], Decision]:
        found = propose(self.paths, self.root, runs=runs, repository=REPOSITORY)
        return {(each.model, each.target): each for each in found.decisions}

    def write(self, *options: str) -> dict[tuple[str, str], frozenset[str]]:
        arguments = ["promote", *map(str, self.paths), "--suites", str(self.root), "--repository", REPOSITORY]
        assert main([*arguments, *options, "--write"]) == Exit.OK
        return members(self.root)

    def expected(self, model: str, target: str = "cpu") -> object:
        cases = workspace.load(self.root, unlisted=True).suite("nightly-execute").cases_for(target)
        return next(case.expectation for case in cases if case.model == model)

    def checks(self, model: str, target: str = "cpu") -> Checks:
        cases = workspace.load(self.root, unlisted=True).suite("nightly-execute").cases_for(target)
        return next(case.checks for case in cases if case.model == model)


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path)


def passing(model: str, **rest: object) -> Record:
    return msgspec.structs.replace(record(model, suite="bring-up"), **rest)


def test_all_operations_compile_and_some_do_not_execute(case: Case) -> None:
    case.run(ops(G, PARTLY))
    assert case.write()[G, "cpu"] == {"nightly-op-by-op", "e2e-compile"}
    text = (case.root / "e2e-compile.yaml").read_text()
    assert "targets: [vmvx, cpu]\nonly: [vmvx]\n" in text, "the cross-section stays on its targets"
    assert {c.target for c in workspace.load(case.root).suite("e2e-compile").cases if c.model != G} == {"vmvx"}


@pytest.mark.parametrize(
    "counts", [{5: 1, 7: 5}, {0: 1, 6: 4}, {}, {7: 5}], ids=["does not compile", "not started", "no operation", "all"]
)
def test_other_counts_move_nothing(case: Case, counts: dict[int, int]) -> None:
    assert not case.run(ops(G, counts)).decisions()[G, "cpu"].changes


def test_all_operations_execute_asks_for_an_end_to_end_run(case: Case) -> None:
    assert "--depth execute" in case.run(ops(G, {7: 5})).decisions()[G, "cpu"].why


def test_a_walk_that_did_not_end_says_nothing(case: Case) -> None:
    assert (G, "cpu") not in {
        k for k, d in case.run(ops(G, PARTLY, outcome=Outcome.CRASH)).decisions().items() if d.changes
    }


def test_a_model_that_nightly_execute_counts_on_stays_whatever_its_operations_do(case: Case) -> None:
    decision = case.run(ops(B, PARTLY, suite="weekly-op-by-op")).decisions()[B, "cpu"]
    assert not decision.changes
    assert "no run here ran it end to end" in decision.why


def test_a_whole_model_that_does_not_compile_is_not_in_the_compile_list(case: Case) -> None:
    case.run(ops(G, PARTLY), record(G, Outcome.FAIL, suite="bring-up"))
    assert "the whole model does not" in case.decisions()[G, "cpu"].why
    assert case.write()[G, "cpu"] == BRING_UP


def test_a_model_that_stopped_to_execute_moves_to_the_compile_list(case: Case) -> None:
    case.run(record(B)).run(
        record(B, Outcome.FAIL, stage=Stage.COMPILED_INFERENCE), ops(B, PARTLY, suite="weekly-op-by-op")
    )
    assert case.write()[B, "cpu"] == {"nightly-op-by-op", "e2e-compile"}


def test_operations_of_before_say_nothing_of_a_regression_since(case: Case) -> None:
    case.run(ops(B, PARTLY, suite="weekly-op-by-op")).run(record(B))
    case.run(record(B, Outcome.FAIL, stage=Stage.COMPILED_INFERENCE))
    assert case.decisions()[B, "cpu"].move is Move.REGRESSED


@pytest.mark.parametrize("outcome", [Outcome.PASS, Outcome.XPASS])
def test_passing_in_three_runs(case: Case, outcome: Outcome) -> None:
    for _ in range(3):
        case.run(record(G, outcome, suite="nightly-op-by-op"))
    assert case.write()[G, "cpu"] == PASSING
    weekly = (case.root / "weekly-op-by-op.yaml").read_text()
    assert "exclude: [onnx/net/a, onnx/net/h]" in weekly, "the exclusion went, and no entry came"


def test_passing_too_seldom(case: Case) -> None:
    case.run(record(G, suite="bring-up")).run(record(G, suite="bring-up"))
    decision = case.decisions()[G, "cpu"]
    assert not decision.changes
    assert "2 of 3 runs" in decision.why
    assert case.decisions(runs=2)[G, "cpu"].move is Move.PASSES


@pytest.mark.parametrize("between", [Outcome.FAIL, None], ids=["a failure", "a flaky run"])
def test_only_passes_in_a_row_count(case: Case, between: Outcome | None) -> None:
    odd = record(G, Outcome.FAIL, suite="bring-up", flaky=between is None)
    case.run(record(G, suite="bring-up")).run(odd).run(record(G, suite="bring-up")).run(record(G, suite="bring-up"))
    assert not case.decisions()[G, "cpu"].changes


@pytest.mark.parametrize("nothing", [Outcome.INFRA, Outcome.MISSING, Outcome.SKIP])
def test_runs_without_evidence_are_as_if_they_were_not(case: Case, nothing: Outcome) -> None:
    case.run(record(G, suite="bring-up")).run(record(G, nothing, suite="bring-up", stage=Stage.SETUP))
    case.run(record(G, suite="bring-up")).run(record(G, suite="bring-up"))
    assert case.decisions()[G, "cpu"].move is Move.PASSES
    assert not Case(case.folder / "b").run(record(B, nothing)).decisions().get((B, "cpu"), _STAYS).changes


_STAYS = Decision(model=B, target="cpu", move=Move.STAYS, before=PASSING, lists=PASSING)


def test_numerics_disable_the_check_that_failed(case: Case) -> None:
    case.run(record(G, Outcome.FAIL, suite="bring-up", stage=Stage.COMPARISON, signature="PCC too low"))
    assert case.write("--out", str(case.folder / "out"))[G, "cpu"] == PASSING
    checks = case.checks(G)
    assert (checks.pcc, checks.atol) == (False, True)
    assert checks.issue.startswith(f"{REPOSITORY}/issues?q=")
    (issue,) = (case.folder / "out/issues").iterdir()
    assert issue.read_text().startswith(
        '---\ntitle: "onnx/net/g on cpu: PCC too low"\nlabels: [models_pcc_issue]\n---\n'
    )


def test_numerics_on_one_target_leave_the_others_their_checks(case: Case) -> None:
    case.run(record(A, Outcome.FAIL, target="vmvx", stage=Stage.COMPARISON, signature="PCC too low"))
    case.write()
    assert not case.checks(A, "vmvx").pcc
    assert case.checks(A, "cpu").pcc


@pytest.mark.parametrize(
    ("measured", "disabled"),
    [
        (Measured(0, 3, 6, 0.999), {"atol"}),
        (Measured(0, 0, 6, 0.5), {"pcc"}),
        (Measured(0, 3, 6, 0.5), {"atol", "pcc"}),
        (Measured(1, 3, 6, 0.5), set()),
    ],
)
def test_what_failed_is_read_as_the_comparison_says_it(case: Case, measured: Measured, disabled: set[str]) -> None:
    reason = judge_output(measured, Tolerance(pcc=0.99), Checks()).reason
    case.run(record(B, Outcome.FAIL, stage=Stage.COMPARISON, signature="values differ", reason=reason))
    assert set(case.decisions()[B, "cpu"].disable) == disabled
    assert case.decisions()[B, "cpu"].changes is bool(disabled)


def test_a_wrong_shape_has_no_check_that_could_be_disabled(case: Case) -> None:
    wrong = OutputComparison(
        output="y", dtype="float32", shape=(2,), passed=False, reason="shape (2,), expected (2, 3)"
    )
    failed = record(B, Outcome.FAIL, stage=Stage.COMPARISON, signature="shape differs")
    decision = case.run(msgspec.structs.replace(failed, comparisons=(wrong,))).decisions()[B, "cpu"]
    assert not decision.changes
    assert "shape (2,)" in decision.why


def test_a_regression_moves_to_bring_up(case: Case) -> None:
    case.run(record(B)).run(record(B, Outcome.FAIL))
    after = case.write("--out", str(case.folder / "out"))
    assert after[B, "cpu"] == {"nightly-execute", "nightly-op-by-op"}
    assert case.expected(B).signature == SIGNATURE  # type: ignore[attr-defined]
    assert "- name: onnx/net/b\n    memory-limit: 3GiB\n" in (case.root / "nightly-op-by-op.yaml").read_text()
    (issue,) = (case.folder / "out/issues").iterdir()
    assert "labels: [models_regression]" in issue.read_text()
    assert "last good: `" in issue.read_text()


def test_a_failure_of_what_nightly_execute_counts_on_is_one_too(case: Case) -> None:
    decision = case.run(record(B, Outcome.CRASH)).decisions()[B, "cpu"]
    assert (decision.move, decision.declare and decision.declare.outcome) == (Move.REGRESSED, Outcome.CRASH)


def test_a_failure_in_bring_up_is_none(case: Case) -> None:
    assert not case.run(record(G, Outcome.FAIL, suite="bring-up")).decisions()[G, "cpu"].changes


def test_a_failure_of_our_own_stages_is_no_regression(case: Case) -> None:
    decision = case.run(record(B)).run(record(B, Outcome.FAIL, stage=Stage.NATIVE_INFERENCE)).decisions()[B, "cpu"]
    assert not decision.changes
    assert "not the compiler's" in decision.why


def test_a_regression_that_is_mended_goes_back(case: Case) -> None:
    case.run(record(B)).run(record(B, Outcome.FAIL)).write()
    for _ in range(3):
        case.run(record(B, Outcome.XPASS))
    assert case.write()[B, "cpu"] == PASSING
    assert case.expected(B) is None


@pytest.mark.parametrize("flaky", [True, False], ids=["flaky", "two suites disagree"])
def test_doubt_moves_nothing(case: Case, *, flaky: bool) -> None:
    case.run(record(B))
    if flaky:
        case.run(record(B, Outcome.FAIL, flaky=True))
    else:
        case.run(record(B, Outcome.FAIL), record(B, suite="presubmit"))
    decision = case.decisions()[B, "cpu"]
    assert not decision.changes
    assert "no evidence" in decision.why


def test_a_run_with_other_settings_says_nothing(case: Case) -> None:
    other = (Setting("verify", "false", "command line"),)
    assert (B, "cpu") not in case.run(record(B, Outcome.FAIL, settings=other)).decisions()
    depth = (Setting("depth", "execute", "command line"),)
    assert (B, "cpu") in case.run(record(B, Outcome.FAIL, settings=depth)).decisions()


def test_the_usual_path_speaks_for_a_model(case: Case) -> None:
    case.run(record(B), record(B, Outcome.FAIL, path=ModelPath.ORT_EP))
    assert not case.decisions()[B, "cpu"].changes


def test_the_catalogue_and_models_in_no_run_are_left_alone(case: Case) -> None:
    case.run(record("onnx/node/test_abs", Outcome.FAIL), record("onnx/net/strange", Outcome.FAIL))
    assert case.decisions() == {}


def test_shard_folders_and_reports_read_the_same(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    shards = [
        journals(case.folder / "shards-0", record(B)),
        journals(case.folder / "shards-1", record(B, Outcome.FAIL), record(A, target="vmvx")),
    ]
    merged = [path.with_name(f"{path.name}-merged") for path in shards]
    for path, out in zip(shards, merged, strict=True):
        merge([path], [], None, out)
    shown = []
    for paths in (shards, merged):
        assert main(["promote", *map(str, paths), "--suites", str(case.root)]) == Exit.OK
        shown.append(capsys.readouterr().out.replace("-merged", ""))
    assert shown[0] == shown[1]
    assert "iree-compile 3.13.0" in shown[0], "the issue names the compilers"
    assert "regressed at compilation" in shown[0]


def test_without_write_nothing_is_written(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.read_text() for path in case.root.rglob("*.yaml")}
    case.run(record(B, Outcome.FAIL), *(record(G, suite="bring-up"),))
    assert main(["promote", str(case.paths[0]), "--suites", str(case.root), "--runs", "1"]) == Exit.OK
    shown = capsys.readouterr().out
    assert "# Models that change lists" in shown
    assert "+++ b/" in shown
    assert {path: path.read_text() for path in case.root.rglob("*.yaml")} == before


def test_what_an_error_says_cannot_write_markdown(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    nasty = record(B, Outcome.FAIL, signature="a | b <script> @all [x](y)\n::error::no")
    broken = msgspec.structs.replace(nasty, error=ErrorInfo(signature=nasty.error.signature, excerpt="```\n@all"))  # type: ignore[union-attr]
    case.run(broken)
    assert main(["promote", str(case.paths[0]), "--suites", str(case.root)]) == Exit.OK
    shown = capsys.readouterr().out
    explained = shown.partition("\n---\ntitle: ")[0]
    assert "legalize" not in explained
    assert "a | b" not in explained.replace("a \\| b", "")
    assert "<script>" not in explained
    assert "@all" not in explained
    assert not any(line.startswith("::") for line in shown.splitlines())


def test_a_folder_without_the_lists(tmp_path: Path) -> None:
    root = make(tmp_path / "suites")
    (root / "weekly-op-by-op.yaml").unlink()
    text = (root / "nightly-execute.yaml").read_text().replace("twin-in: weekly-op-by-op\n", "")
    (root / "nightly-execute.yaml").write_text(text)
    ops_text = (root / "nightly-op-by-op.yaml").read_text()
    (root / "nightly-op-by-op.yaml").write_text(ops_text.replace("disjoint-per-target-with: [weekly-op-by-op]\n", ""))
    with pytest.raises(UsageError, match=r"has no weekly-op-by-op\.yaml"):
        propose([], root, runs=3, repository="")


def test_depths_below_are_no_end_to_end_run(case: Case) -> None:
    for _ in range(3):
        case.run(record(G, suite="e2e-compile", depth=Depth.COMPILE))
    assert not case.decisions()[G, "cpu"].changes

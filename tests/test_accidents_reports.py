"""A flaky case in what comes after a run: no regression, no fix, no expectation, no timing, and no hidden command."""

from __future__ import annotations

import pathlib

import msgspec
import pytest

from results.compare import Change, compare
from results.expectations.gap import observe
from results.load import Row, Run, load
from results.merge import merged
from results.plan import make_plan
from results.timings import measure
from runner.journal import read_journal
from schemas.codec import encode
from schemas.record import CaseRerun, Record, Rerun
from schemas.words import Outcome
from tests.accidents_support.build import accident_suite, run
from tests.results_support.build import journal, key, matrix, record


def row(outcome: Outcome, *, flaky: bool = False) -> Row:
    one = unsteady(outcome) if flaky else record(key(0), outcome)
    kind = outcome if outcome.is_red and outcome not in (Outcome.XPASS, Outcome.MISSING) else None
    signature = one.error.signature if one.error is not None else ""
    return Row(
        case=one.case,
        suite=one.suite,
        target=one.target,
        outcome=outcome,
        exit_status=one.exit_status,
        kind=kind,
        signature=signature,
        seconds=1.0,
        flaky=flaky,
    )


def unsteady(outcome: Outcome) -> Record:
    rerun = Rerun(outcome=Outcome.PASS, exit_status="PASS")
    return msgspec.structs.replace(record(key(0), outcome), flaky=True, rerun=rerun)


def one(found: Row) -> Run:
    return Run(name="run", partial=False, rows={found.case: found})


FLAKY = row(Outcome.FAIL, flaky=True)


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        (row(Outcome.PASS), FLAKY, Change.FLAKY),
        (row(Outcome.FAIL), FLAKY, Change.FLAKY),
        (row(Outcome.SKIP), FLAKY, Change.FLAKY),
        (row(Outcome.MISSING), FLAKY, Change.FLAKY),
        (FLAKY, row(Outcome.PASS), Change.FLAKY),
        (FLAKY, row(Outcome.FAIL), Change.FLAKY),
        (FLAKY, row(Outcome.INFRA), Change.UNJUDGED),
        (FLAKY, row(Outcome.MISSING), Change.UNJUDGED),
        (row(Outcome.XPASS, flaky=True), row(Outcome.FAIL), Change.FLAKY),
        (FLAKY, FLAKY, None),
    ],
)
def test_a_flaky_case_is_listed_and_no_verdict_is_drawn(before: Row, after: Row, change: Change | None) -> None:
    found = compare(one(before), one(after))
    assert [each.change for each in found.differences] == ([change] if change else [])
    assert not found.red
    if change is Change.FLAKY:
        assert "flaky, first " in found.differences[0].before + found.differences[0].after


def test_a_flaky_case_is_no_expectation_and_no_timing() -> None:
    assert observe([FLAKY, row(Outcome.XPASS, flaky=True)]) == {}
    assert measure([one(row(Outcome.XPASS, flaky=True))]) == {}


def test_a_journals_second_line_replaces_the_first_and_two_first_lines_do_not(tmp_path: pathlib.Path) -> None:
    first = record(key(0), Outcome.FAIL)
    path = journal(tmp_path / "one", [first, record(key(1))])
    lines = path.read_bytes().splitlines(keepends=True)
    lines.insert(-1, encode(CaseRerun(record=unsteady(Outcome.FAIL))) + b"\n")
    path.write_bytes(b"".join(lines))
    rows = load(tmp_path / "one").rows
    assert {name.rpartition("_")[2]: each.flaky for name, each in rows.items()} == {
        "0000@onnx": True,
        "0001@onnx": False,
    }


def test_a_journal_cut_anywhere_has_the_first_result_or_both(tmp_path: pathlib.Path) -> None:
    first, second = record(key(0), Outcome.FAIL), unsteady(Outcome.FAIL)
    path = journal(tmp_path / "one", [first, record(key(1))], complete=False)
    first_size = path.stat().st_size
    whole = path.read_bytes() + encode(CaseRerun(record=second)) + b"\n"
    plan = make_plan([matrix([[key(0), key(1)]])])
    for size in range(first_size, len(whole) + 1):
        path.write_bytes(whole[:size])
        wanted = second if size == len(whole) else first
        assert read_journal(path).records[first.case] == wanted
        if size == len(whole) or (size % 50 == 0 and size < len(whole) - 1):
            with merged([tmp_path], plan) as view:
                assert next(iter(view.records)) == wanted
                assert not any(problem.red for problem in view.head.problems)


@pytest.mark.slow
def test_a_shard_on_ci_obeys_no_model(tmp_path: pathlib.Path) -> None:
    suite = accident_suite(tmp_path, ["injects-setup", "passes-setup"])
    summary = tmp_path / "step.md"
    done = run(suite, GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(summary))
    assert done.returncode == 1
    commands = [line for line in (done.stdout + done.stderr).splitlines() if line.lstrip().startswith("::")]
    assert [line.partition(" ")[0] for line in commands] == ["::error", "::notice"]
    assert commands[0].startswith("::error title=FAIL fakes/cpu/onnx/injects-setup@onnx::")
    others = [line for line in (done.stdout + done.stderr).splitlines() if line not in commands]
    assert not any("##[" in line for line in others)
    assert any(": :error title=owned" in line for line in others), "shown, not obeyed"

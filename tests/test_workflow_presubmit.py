"""The committed presubmit workflow, run as GitHub would run it, ends in a merged report that tells the truth."""

import json
import re
from pathlib import Path
from typing import Any, Protocol

import pytest
import yaml

from tests.workflow_support.executor import JobRun, Options, WorkflowRun, run_workflow

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
SUITE = "presubmit"
TARGET = "cpu"
WORKFLOW = f".github/workflows/suite-{SUITE}.yml"
SETUP = "./.github/actions/setup-e2eshard"
# A few cases of the suite that compile today: this test is about the workflow, not about the compiler.
TESTS = r"test_(abs|add|relu|squeeze)@"
THE_SHARD = "*/run:python -m e2eshard runner"


def without_downloads() -> dict[str, str]:
    """This interpreter has the pinned packages already: what the setup action installs is left out."""
    action = yaml.safe_load((ROOT / SETUP / "action.yml").read_text())
    scripts = [step["run"] for step in action["runs"]["steps"] if "run" in step]
    return {f"{SETUP}#run:{script.splitlines()[0]}": "true" for script in scripts}


class Dispatch(Protocol):
    """Starts the workflow by hand with a selection, or by a pull request without; or runs again what failed."""

    def __call__(
        self, *, tests: str | None = TESTS, sabotage: dict[str, str] | None = None, rerun_failed: bool = False
    ) -> WorkflowRun: ...


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The caches of the repository: what one run saves, the next restores, as at GitHub."""
    return tmp_path_factory.mktemp("caches")


@pytest.fixture
def dispatch(tmp_path: Path, cache: Path) -> Dispatch:
    def run(
        *, tests: str | None = TESTS, sabotage: dict[str, str] | None = None, rerun_failed: bool = False
    ) -> WorkflowRun:
        return run_workflow(
            ROOT,
            WORKFLOW,
            out=tmp_path,
            event="workflow_dispatch" if tests else "pull_request",
            inputs={"targets": TARGET, "tests": tests} if tests else None,
            substitutions=without_downloads(),
            sabotage=sabotage,
            options=Options(cache=cache, rerun_failed=rerun_failed),
        )

    return run


def planned_cases() -> list[str]:
    """The cases that the committed matrix plans for hosted machines."""
    matrix = json.loads((ROOT / f".github/matrices/{SUITE}.json").read_text())
    return [
        f"{SUITE}/{target['target']}/{case}"
        for target in matrix["targets"]
        if target["hosted"]
        for shard in target["shards"]
        for case in shard["cases"]
    ]


def planned_extras() -> dict[str, str]:
    """By shard, as the committed matrix has it."""
    matrix = json.loads((ROOT / f".github/matrices/{SUITE}.json").read_text())
    return {
        f"{target['target']}/{shard['shard']}": " ".join(shard.get("extras", ()))
        for target in matrix["targets"]
        if target["hosted"]
        for shard in target["shards"]
    }


def selected_cases() -> list[str]:
    """The planned cases that the selection keeps."""
    cases = [case for case in planned_cases() if case.startswith(f"{SUITE}/{TARGET}/")]
    chosen = sorted(case for case in cases if re.search(TESTS, case))
    assert 3 <= len(chosen) < len(cases)
    return chosen


def merge_job(run: WorkflowRun) -> JobRun:
    """The job that made the merged report: the one that needs all others, hence the last."""
    return run.jobs[-1]


def merged_report(run: WorkflowRun) -> dict[str, Any]:
    """The uploaded `results.json` of the merged report."""
    uploads = [artifact for artifact in run.artifacts if artifact.job == merge_job(run).id]
    assert uploads, run.explain()
    (name,) = (name for name in uploads[-1].files if Path(name).name == "results.json")
    report: dict[str, Any] = json.loads((uploads[-1].path / name).read_text())
    assert report["schema"] == "e2eshard.report/1"
    return report


def outcomes(report: dict[str, Any]) -> dict[str, str]:
    return {record["case"]: record["outcome"] for record in report["records"]}


def test_a_selection_runs_to_a_merged_report(dispatch: Dispatch) -> None:
    run = dispatch()
    assert run.conclusion == "success", run.explain()
    report = merged_report(run)
    assert sorted(outcomes(report)) == selected_cases()
    assert set(outcomes(report).values()) <= {"PASS", "XFAIL"}
    assert "PARTIAL" in merge_job(run).summary


def test_only_what_is_selected_is_started(dispatch: Dispatch) -> None:
    # One case lies in one shard: no machine may be taken for any other.
    run = dispatch(tests="test_abs@")
    started = [job for job in run.jobs if job.inputs.get("shard") is not None and run.results[job.id] != "skipped"]
    assert len(started) == 1, run.results
    assert started[0].runs_on == ["ubuntu-24.04"]
    assert list(outcomes(merged_report(run))) == [case for case in selected_cases() if "test_abs@" in case]


def test_a_lost_shard_is_red_and_its_cases_are_missing(dispatch: Dispatch) -> None:
    run = dispatch(sabotage={THE_SHARD: "echo the machine is gone; exit 1"})
    assert run.conclusion == "failure"
    report = merged_report(run)
    assert outcomes(report) == dict.fromkeys(selected_cases(), "MISSING")
    assert "MISSING" in merge_job(run).summary


def test_a_pull_request_plans_every_hosted_case(dispatch: Dispatch) -> None:
    # The shards are lost on purpose: this is about what was planned without inputs, and that takes no compiler.
    run = dispatch(tests=None, sabotage={THE_SHARD: "exit 1"})
    assert outcomes(merged_report(run)) == dict.fromkeys(planned_cases(), "MISSING")
    assert "PARTIAL" not in merge_job(run).summary
    # What a shard's cases need has come to the shard's set-up.
    started = [job.inputs for job in run.jobs if job.name == "run"]
    extras = {f"{each['target']}/{each['shard']}": each["extras"] for each in started}
    assert extras == planned_extras()
    assert set(extras.values()) == {"", "torch"}


def test_running_the_failed_jobs_again_mends_the_report(dispatch: Dispatch) -> None:
    assert dispatch(sabotage={THE_SHARD: "exit 1"}).conclusion == "failure"
    run = dispatch(rerun_failed=True)
    assert run.conclusion == "success", run.explain()
    assert sorted(outcomes(merged_report(run))) == selected_cases()


def test_a_shard_that_lies_is_found_out(dispatch: Dispatch) -> None:
    # Exit 0, an artifact, and not one record: the run must not be green.
    lie = "mkdir -p out && echo nothing > out/notes.txt"
    run = dispatch(sabotage={THE_SHARD: lie})
    assert run.conclusion == "failure"
    assert outcomes(merged_report(run)) == dict.fromkeys(selected_cases(), "MISSING")


def test_without_a_selection_nothing_is_merged(dispatch: Dispatch) -> None:
    # Nothing was planned, so nothing can be said; the run is red all the same.
    run = dispatch(sabotage={"*/run:python -m e2eshard generator select": "exit 1"})
    assert run.conclusion == "failure"
    assert "success" not in run.results.values(), run.explain()


def test_no_job_may_write_to_the_repository(dispatch: Dispatch) -> None:
    run = dispatch(tests="test_abs@")
    for job in run.jobs:
        permissions = job.permissions
        assert isinstance(permissions, dict), job.id
        assert set(permissions.values()) <= {"read"}, job.id

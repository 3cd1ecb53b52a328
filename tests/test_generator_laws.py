"""Laws that every workflow of this repository keeps, generated or not; a failure says how to mend it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from generator import timeouts
from generator.github import ACTIONS
from generator.jobs import MERGE, SELECT

ROOT = Path(__file__).parent.parent
GOLDEN = ROOT / "tests/golden/workflows"
COMMITTED = ROOT / ".github/workflows"
ACTION_FILES = sorted((ROOT / ".github/actions").glob("*/action.yml"))
WORKFLOWS = [*sorted(GOLDEN.glob("*.yml")), *sorted(COMMITTED.glob("*.yml"))]
SUITES = [path for path in WORKFLOWS if path.name.startswith("suite-")]
SHARDS = [path for path in WORKFLOWS if path.name == "shard.yml"]

TEMPLATE = (
    "mend it in generator/templates (generated files) or in the file itself (ci.yml, actions), then run {}".format(
        "python -m generator and UPDATE_GOLDEN=1 python -m pytest tests/test_generator_golden.py"
    )
)


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def every(paths: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", paths, ids=named)


def load(path: Path) -> dict[Any, Any]:
    content: dict[Any, Any] = yaml.safe_load(path.read_text())
    return content


def triggers(path: Path) -> dict[str, Any]:
    # YAML 1.1 reads the bare key `on` as true.
    found: dict[str, Any] = load(path)[True]
    return found


def jobs(path: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = load(path)["jobs"]
    return found


def shard_jobs(path: Path) -> dict[str, dict[str, Any]]:
    return {name: job for name, job in jobs(path).items() if name not in (SELECT, MERGE)}


def steps(path: Path) -> Iterator[dict[str, Any]]:
    content = load(path)
    if "runs" in content:
        yield from content["runs"]["steps"]
    for job in content.get("jobs", {}).values():
        yield from job.get("steps", [])


HAND_WRITTEN = ("ci.yml", "promote.yml")
READS_RUNS = ("promote",)  # jobs that fetch the reports of earlier runs


@every([*WORKFLOWS, *ACTION_FILES])
def test_public_actions_are_pinned_to_a_commit_with_its_version(path: Path) -> None:
    for line in path.read_text().splitlines():
        uses = re.match(r"\s*(?:- )?uses: (.*)", line)
        if uses and not uses[1].startswith("./"):
            assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", uses[1]), f"{uses[1]}: pin it; {TEMPLATE}"


@every([*WORKFLOWS, *ACTION_FILES])
def test_one_action_has_one_pin_everywhere(path: Path) -> None:
    known = {action.name: action.uses for action in ACTIONS.values()}
    for line in path.read_text().splitlines():
        uses = re.match(r"\s*(?:- )?uses: (([\w./-]+)@.*)", line)
        if uses and uses[2] in known:
            assert uses[1] == known[uses[2]], (
                f"{named(path)} uses another {uses[2]} than generator/github.py: make them equal"
            )


@every([*WORKFLOWS, *ACTION_FILES])
def test_nothing_is_interpolated_into_a_script(path: Path) -> None:
    for step in steps(path):
        assert "${{" not in step.get("run", ""), f"step {step.get('name')}: hand the value on through env; {TEMPLATE}"


@every([*WORKFLOWS, *ACTION_FILES])
def test_a_script_is_one_call_of_a_program(path: Path) -> None:
    for step in steps(path):
        script = step.get("run", "").strip()
        assert not re.search(r"[;|&<>`\n]|\$\(", script), (
            f"step {step.get('name')}: move the logic into a program; {TEMPLATE}"
        )


@every(WORKFLOWS)
def test_permissions_are_nothing_on_top_and_least_in_each_job(path: Path) -> None:
    assert load(path)["permissions"] == {}, f"write `permissions: {{}}` on top; {TEMPLATE}"
    for name, job in jobs(path).items():
        wanted = {"contents": "read", **({"actions": "read"} if name in READS_RUNS else {})}
        assert job["permissions"] == wanted, f"job {name} needs {wanted} and no more; {TEMPLATE}"


@every(WORKFLOWS)
def test_a_checkout_leaves_no_credentials(path: Path) -> None:
    for step in steps(path):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False, f"set persist-credentials: false; {TEMPLATE}"


@every(WORKFLOWS)
def test_every_step_has_a_name_and_every_job_a_timeout(path: Path) -> None:
    assert all(step.get("name") for step in steps(path)), f"name every step; {TEMPLATE}"
    for name, job in jobs(path).items():
        assert "uses" in job or "timeout-minutes" in job, (
            f"job {name} may run for six hours: give it a timeout; {TEMPLATE}"
        )


@every(WORKFLOWS)
def test_a_step_ends_before_its_job(path: Path) -> None:
    for name, job in jobs(path).items():
        limit = job.get("timeout-minutes")
        for step in job.get("steps", []):
            given = step.get("timeout-minutes")
            if isinstance(limit, int) and isinstance(given, int):
                assert given < limit, f"job {name} is ended before its step {step['name']}; {TEMPLATE}"


@every(SUITES)
def test_a_shard_ends_before_its_job_with_time_to_set_up_and_upload(path: Path) -> None:
    for name, job in shard_jobs(path).items():
        given = job["with"]
        room = given["timeout-minutes"] - given["run-minutes"]
        assert room >= 2, f"job {name}: the run takes the whole job; see generator/timeouts.py"
        assert given["timeout-minutes"] > max(timeouts.SETUP_MINUTES, timeouts.UPLOAD_MINUTES)


@every(SUITES)
def test_merge_waits_for_every_shard_and_runs_whatever_happened(path: Path) -> None:
    merge = jobs(path)[MERGE]
    assert merge["needs"] == [SELECT, *shard_jobs(path)], f"merge must need select and every shard job; {TEMPLATE}"
    assert merge["if"] == "${{ !cancelled() && needs.select.result == 'success' }}"


@every(SUITES)
def test_a_shard_job_never_gets_an_empty_matrix_and_never_stops_its_neighbours(path: Path) -> None:
    outputs = jobs(path)[SELECT]["outputs"]
    assert set(outputs) == {"attempt", *shard_jobs(path)}
    for name, job in shard_jobs(path).items():
        assert outputs[name] == f"${{{{ steps.select.outputs.{name} }}}}"
        assert job["if"] == f"needs.select.outputs.{name} != '[]'", f"GitHub refuses an empty matrix; {TEMPLATE}"
        assert job["strategy"]["matrix"] == {"include": f"${{{{ fromJSON(needs.select.outputs.{name}) }}}}"}
        assert job["strategy"]["fail-fast"] is False
        assert job["strategy"]["max-parallel"] >= 1


@every(SUITES)
def test_a_call_gives_what_the_shard_workflow_asks_for_and_nothing_else(path: Path) -> None:
    called = triggers(path.parent / "shard.yml")["workflow_call"]
    required = {name for name, given in called["inputs"].items() if given.get("required")}
    for name, job in shard_jobs(path).items():
        assert job["uses"] == "./.github/workflows/shard.yml"
        assert required <= set(job["with"]) <= set(called["inputs"]), f"job {name} and shard.yml disagree; {TEMPLATE}"
        assert set(job.get("secrets", {})) <= set(called.get("secrets", {}))


@every(WORKFLOWS)
def test_secrets_are_named_and_guarded_by_an_environment(path: Path) -> None:
    assert "inherit" not in path.read_text(), "hand secrets on by name"
    for job in jobs(path).values():
        assert not job.get("secrets") or job["with"]["environment"]


@every(SHARDS)
def test_only_the_step_that_runs_the_cases_sees_a_secret(path: Path) -> None:
    for step in steps(path):
        if "secrets." in str(step):
            assert step["name"] in ("Build the shard", "Run the shard")
    for job in jobs(path).values():
        assert "secrets." not in str(job.get("env", ""))


@every(SHARDS)
def test_results_are_kept_whatever_happened_under_a_name_of_their_own(path: Path) -> None:
    keep = [step for step in steps(path) if step.get("uses", "").startswith("actions/upload-artifact@")]
    assert all(step["if"] == "${{ always() }}" for step in keep)
    shard = "-".join(f"${{{{ inputs.{part} }}}}" for part in ("suite", "target", "shard"))
    attempt = "${{ github.run_attempt }}"
    names = [step["with"]["name"] for step in keep]
    assert names == [f"{shard}-build-{attempt}", f"handover.{shard}-{attempt}", f"{shard}-{attempt}"]


@every(SHARDS)
def test_a_device_never_waits_for_a_build_that_was_not_asked_for(path: Path) -> None:
    build, run = jobs(path)["build"], jobs(path)["run"]
    assert build["if"] == """${{ inputs.build-runs-on != '""' }}"""
    assert (run["needs"], run["if"]) == ("build", "${{ !cancelled() }}")
    fetched = [step for step in run["steps"] if step.get("uses", "").startswith("actions/download-artifact@")]
    assert len(fetched) == 2
    assert all(step["if"] == build["if"] and step["continue-on-error"] is True for step in fetched)
    half = next(step["env"]["HALF"] for step in run["steps"] if step["name"] == "Run the shard")
    assert half == """${{ inputs.build-runs-on != '""' && 'device' || '' }}"""


@every(SUITES)
def test_a_build_ends_before_its_job(path: Path) -> None:
    for name, job in shard_jobs(path).items():
        given = job["with"]
        if "build-runs-on" in given:
            room = given["build-timeout-minutes"] - given["build-run-minutes"]
            assert room >= 2, f"job {name}: the build takes the whole job; see generator/timeouts.py"


@every(SUITES)
def test_a_newer_push_replaces_a_run_of_a_pull_request_and_of_nothing_else(path: Path) -> None:
    cancel = load(path)["concurrency"]["cancel-in-progress"]
    if "pull_request" in triggers(path):
        assert cancel == "${{ github.event_name == 'pull_request' }}"
    else:
        assert cancel is False


@every(SUITES)
def test_pull_requests_reach_hosted_machines_only(path: Path) -> None:
    step = next(step for step in jobs(path)[SELECT]["steps"] if step.get("id") == "select")
    assert step["env"]["HOSTED_ONLY"] == "${{ github.event_name == 'pull_request' }}"
    assert '--hosted-only="$HOSTED_ONLY"' in step["run"]


@every([path for path in WORKFLOWS if path.name not in HAND_WRITTEN])
def test_a_generated_file_says_where_it_comes_from_and_how_to_remake_it(path: Path) -> None:
    first, second, *_ = path.read_text().splitlines()
    assert re.fullmatch(r"# Generated from suites/[\w-]+\.yaml; do not edit\.", first)
    assert second.endswith("run: python -m generator")

"""A matrix says exactly what a suite holds: every case once, with the digest that the runner will compute."""

from pathlib import Path

import msgspec
import pytest

from generator import matrix, sharding, timeouts
from schemas import codec
from schemas.matrix import Matrix, cases_digest
from suites.timings import Timings, TimingsFile
from suites.workspace import Workspace, load
from tests.generator_support import suites_folder


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return load(suites_folder.make(tmp_path_factory.mktemp("repository") / "suites"))


@pytest.fixture(scope="module")
def nightly(workspace: Workspace) -> Matrix:
    return matrix.build(workspace, workspace.suite("nightly"), Timings({}))


def test_every_case_of_every_target_is_planned_once(workspace: Workspace, nightly: Matrix) -> None:
    suite = workspace.suite("nightly")
    for plan in nightly.targets:
        planned = [key for shard in plan.shards for key in shard.cases]
        assert sorted(planned) == sorted(case.key for case in suite.cases_for(plan.target))
        assert [shard.shard for shard in plan.shards] == list(range(len(plan.shards)))


def test_the_digest_is_the_one_of_the_suites_cases(workspace: Workspace, nightly: Matrix) -> None:
    suite = workspace.suite("nightly")
    for plan in nightly.targets:
        assert plan.digest == cases_digest(suite.cases_for(plan.target))


def test_a_target_brings_its_labels_container_and_timeout(nightly: Matrix) -> None:
    lab = nightly.target("lab")
    assert lab
    assert lab.runs_on == ("self-hosted", "linux", "lab")
    assert (lab.hosted, lab.exclusive_device, lab.timeout_minutes) == (False, True, 120)
    assert lab.container
    assert lab.container.volumes == ("/data:/data",)


def test_targets_stand_in_the_manifests_order(nightly: Matrix) -> None:
    assert [plan.target for plan in nightly.targets] == ["cpu", "lab", "wide"]


def test_a_target_without_case_is_left_out(workspace: Workspace) -> None:
    suite = workspace.suite("nightly")
    kept = tuple(case for case in suite.cases if case.target != "lab")
    built = matrix.build(workspace, msgspec.structs.replace(suite, cases=kept), Timings({}))
    assert [plan.target for plan in built.targets] == ["cpu", "wide"]


def test_planned_minutes_keep_the_budget(workspace: Workspace, nightly: Matrix) -> None:
    for plan in nightly.targets:
        budget = workspace.target(plan.target).shard_minutes
        assert all(shard.minutes <= round(budget, 1) for shard in plan.shards)


def test_recorded_durations_decide(workspace: Workspace) -> None:
    presubmit = workspace.suite("presubmit")
    keys = [case.key for case in presubmit.cases_for("cpu")]
    seconds = dict.fromkeys(keys, 1.0) | {keys[0]: 2000.0}
    recorded = Timings({"cpu": TimingsFile(target="cpu", seconds=seconds)})
    (plan,) = matrix.build(workspace, presubmit, recorded).targets
    # The long case fills one of the four lanes, the others run beside it.
    assert [shard.minutes for shard in plan.shards] == [round((90 + 2000) / 60, 1)]


def test_a_matrix_survives_its_file(nightly: Matrix) -> None:
    assert codec.decode(codec.encode_pretty(nightly), Matrix) == nightly


def test_an_exclusive_device_runs_one_case_at_a_time(workspace: Workspace) -> None:
    lanes = {target.name: sharding.rules_of(target).lanes for target in workspace.targets}
    assert lanes == {"cpu": sharding.ASSUMED_CORES, "lab": 1, "wide": 1}


def test_the_step_that_runs_the_cases_outlives_the_runners_own_deadline(workspace: Workspace) -> None:
    for target in workspace.targets:
        given = timeouts.timeouts(target)
        assert target.shard_timeout / 60 < given.run < given.job


def test_a_target_that_cannot_hold_its_shard_is_found(workspace: Workspace) -> None:
    tight = msgspec.structs.replace(workspace.target("cpu"), shard_timeout=3540.0)
    (finding,) = timeouts.check(tight, "suites/targets.yaml")
    assert "at least 63m" in finding.remedy


def test_making_a_matrix_reads_nothing_but_its_arguments(
    workspace: Workspace, nightly: Matrix, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert matrix.build(workspace, workspace.suite("nightly"), Timings({})) == nightly

"""Entries for single targets, and jobs that only compile on machines without the device."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from generator import matrix
from schemas.matrix import cases_digest
from schemas.words import Depth
from suites import timings, workspace
from suites.targets import at_depth
from suites.workspace import Workspace
from tests.generator_support.suites_folder import TARGETS as GENERATED_TARGETS
from tests.suites_support import findings, folder
from tests.targets_support import python

TARGETS = """\
targets:
  cpu: {backend: llvm-cpu, device: local-task, runs-on: ubuntu-24.04}
  vmvx: {backend: vmvx, device: local-sync, runs-on: ubuntu-24.04}
  gpu:
    backend: rocm
    device: hip
    chip: gfx942
    runs-on: [self-hosted, linux, mi300]
    exclusive-device: true
    capacity: 1
    container:
      image: example/rocm@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
"""
COMPILES = TARGETS + "    compile-runs-on: ubuntu-24.04\n"


def suite(root: Path, body: str, targets: str = TARGETS, depth: str = "execute") -> Workspace:
    text = f"suite: mine\ndescription: A test\ndepth: {depth}\n{body}"
    return workspace.load(folder(root, targets=targets, mine=text))


def keys(loaded: Workspace, target: str) -> list[str]:
    return [case.model.removeprefix("onnx/node/") for case in loaded.suite("mine").cases_for(target)]


def test_an_entry_for_one_target_is_as_if_not_written_for_the_others(tmp_path: Path) -> None:
    loaded = suite(
        tmp_path,
        "targets: [cpu, vmvx]\n"
        "models:\n"
        "  - {name: onnx/node/test_ab*, tags: [all]}\n"
        "  - {name: onnx/node/test_relu, only: [cpu]}\n"
        "  - {name: onnx/node/test_abs, only: [vmvx], seed: 5}\n",
    )
    assert keys(loaded, "cpu") == ["test_abs", "test_relu"]
    assert keys(loaded, "vmvx") == ["test_abs"]
    seeds = {case.target: case.seed for case in loaded.suite("mine").cases if case.model.endswith("test_abs")}
    assert seeds == {"cpu": 0, "vmvx": 5}
    assert all("all" in case.tags for case in loaded.suite("mine").cases if case.model.endswith("test_abs"))


def test_two_exact_entries_for_two_targets_are_no_duplicate(tmp_path: Path) -> None:
    loaded = suite(
        tmp_path,
        "targets: [cpu, vmvx]\n"
        "models:\n"
        "  - {name: onnx/node/test_abs, only: [cpu], seed: 1}\n"
        "  - {name: onnx/node/test_abs, only: [vmvx], seed: 2}\n",
    )
    assert [(case.target, case.seed) for case in loaded.suite("mine").cases] == [("cpu", 1), ("vmvx", 2)]


@pytest.mark.parametrize(
    ("models", "says", "place"),
    [
        ("  - {name: onnx/node/test_abs, only: [vmxv]}", "the suite does not run on target 'vmxv'", (6, 39)),
        ("  - {name: onnx/node/test_abs, only: [cpu]}", "no entry of `models` is for target 'vmvx'", (4, 16)),
        ("  - {name: onnx/node/test_abs, only: []}", "the list is empty", (6, 38)),
    ],
)
def test_mistakes_with_only(tmp_path: Path, models: str, says: str, place: tuple[int, int]) -> None:
    text = f"suite: mine\ndescription: A test\ndepth: execute\ntargets: [cpu, vmvx]\nmodels:\n{models}\n"
    found = findings(folder(tmp_path, targets=TARGETS, mine=text))
    assert [(each.location.line, each.location.column) for each in found if says in each.message] == [place]
    assert all(each.remedy for each in found)


def test_mistakes_of_entries_are_told_once(tmp_path: Path) -> None:
    text = (
        "suite: mine\ndescription: A test\ndepth: execute\ntargets: [cpu, vmvx]\nmodels:\n"
        "  - {tag: abs}\n  - {name: onnx/node/test_abz, only: [cpu]}\n"
    )
    found = findings(folder(tmp_path, targets=TARGETS, mine=text))
    assert [each.message for each in found] == ["unknown model 'onnx/node/test_abz'"]


@pytest.mark.parametrize(("depth", "hosted"), [("compile", True), ("import", True), ("execute", False)])
def test_jobs_that_only_compile_take_no_machine_with_the_device(tmp_path: Path, depth: str, hosted: bool) -> None:
    loaded = suite(tmp_path, "targets: [gpu]\nmodels: [{tag: abs}]\n", COMPILES, depth)
    (plan,) = matrix.build(loaded, loaded.suite("mine"), timings.load(tmp_path)).targets
    assert plan.hosted is hosted
    assert plan.runs_on == (("ubuntu-24.04",) if hosted else ("self-hosted", "linux", "mi300"))
    assert (plan.container is None) is hosted
    assert plan.exclusive_device is not hosted


def test_without_the_key_jobs_that_compile_run_where_all_others_do(tmp_path: Path) -> None:
    loaded = suite(tmp_path, "targets: [gpu]\nmodels: [{tag: abs}]\n", TARGETS, "compile")
    target = loaded.target("gpu")
    assert at_depth(target, Depth.COMPILE) == target


def test_where_a_case_compiles_is_no_part_of_the_case(tmp_path: Path) -> None:
    body = "targets: [gpu]\nmodels: [{tag: abs}]\n"
    one = suite(tmp_path / "a", body, COMPILES, "compile")
    other = suite(tmp_path / "b", body, TARGETS, "compile")
    assert cases_digest(one.suite("mine").cases) == cases_digest(other.suite("mine").cases)


@pytest.mark.parametrize(("depth", "allowed"), [("compile", True), ("execute", False)])
def test_pull_requests_may_compile_for_a_device_on_hosted_machines(tmp_path: Path, depth: str, allowed: bool) -> None:
    text = f"suite: mine\ndescription: x\npull-request: true\ndepth: {depth}\ntargets: [gpu]\nmodels: [{{tag: abs}}]\n"
    found = findings(folder(tmp_path, targets=COMPILES, mine=text))
    assert [each.message for each in found] == (
        [] if allowed else ["pull requests may only start hosted machines, and gpu is not one"]
    )


def test_a_hosted_job_that_compiles_has_githubs_six_hours(tmp_path: Path) -> None:
    long = COMPILES + "    shard-timeout: 9h\n    job-timeout: 10h\n"
    found = findings(folder(tmp_path, targets=long, mine="suite: mine\ndescription: x\ndepth: compile\n"
                            "targets: [gpu]\nmodels: [{tag: abs}]\n"))  # fmt: skip
    assert ["GitHub ends hosted jobs after 6h" in each.message for each in found] == [True]


def test_the_workflow_of_a_suite_that_compiles_names_no_device(tmp_path: Path) -> None:
    suite(tmp_path / "suites", "targets: [gpu]\nmodels: [{tag: abs}]\n", COMPILES, "compile")
    made = python("generator", "--root", str(tmp_path), "--suites", str(tmp_path / "suites"))
    assert made.returncode == 0, made.stderr
    text = (tmp_path / ".github" / "workflows" / "suite-mine.yml").read_text()
    assert re.findall(r"runs-on: (.*)", text)[1] == """'["ubuntu-24.04"]'"""
    assert "container" not in text
    assert "self-hosted" not in text


def test_every_key_of_a_device_reaches_the_workflow_of_a_suite_that_runs(tmp_path: Path) -> None:
    suite(tmp_path / "suites", "targets: [lab]\nmodels: [{tag: abs}]\n", GENERATED_TARGETS)
    made = python("generator", "--root", str(tmp_path), "--suites", str(tmp_path / "suites"))
    assert made.returncode == 0, made.stderr
    text = (tmp_path / ".github" / "workflows" / "suite-mine.yml").read_text()
    for part in ("self-hosted", "--device=/dev/kfd --device=/dev/dri", "@sha256:", "mesa-vulkan-drivers"):
        assert part in text

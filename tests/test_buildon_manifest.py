"""What `build-on` may name, what it means for the plan, and which cases stay whole."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator import matrix, render, sharding
from schemas.case import Case
from schemas.target import EnvVar
from schemas.words import Depth
from schemas.words import Path as ModelPath
from suites import timings, workspace
from suites.buildon import BUILD_STAGES, built_stages, whole_because
from suites.targets import at_depth
from suites.timings import Timings, TimingsFile
from suites.workspace import Workspace
from tests.suites_support import findings, folder

TARGETS = """\
targets:
  cpu: {backend: llvm-cpu, device: local-task, runs-on: ubuntu-24.04, setup-packages: [libnuma1]}
  gpu: {backend: rocm, device: hip, chip: gfx942, runs-on: [self-hosted, mi300], exclusive-device: true, build-on: cpu,
        capacity: 3}
"""
SUITE = "suite: mine\ndescription: A test\ndepth: execute\ntargets: [cpu, gpu]\nmodels: [{name: onnx/node/test_a*}]\n"


def load(root: Path, targets: str = TARGETS, suite: str = SUITE) -> Workspace:
    return workspace.load(folder(root, targets=targets, mine=suite))


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("build-on: cppu", "unknown target 'cppu'"),
        ("build-on: new", "a target cannot spare its own machines"),
        ("build-on: gpu", "gpu is itself built on cpu"),
        ("build-on: busy", "busy has an exclusive device"),
        ("build-on: cpu, toolchain: /opt/iree", "the toolchain of new lies on its own machines"),
        ("build-on: cpu, compile-flags: [--iree-llvmcpu-target-cpu=host]", "means the machine that compiles"),
        ("handover-limit: 1GiB", "handover-limit without build-on"),
        ("precompile-driver: {}", "precompile-driver without build-on"),
        ("build-on: cpu, precompile-driver: {}", "no driver of llvm-cpu compiles without its device"),
    ],
)
def test_a_target_that_cannot_be_built_there_is_found(tmp_path: Path, line: str, told: str) -> None:
    new = f"  new: {{backend: llvm-cpu, device: local-sync, runs-on: [self-hosted, new], {line}}}\n"
    busy = "  busy: {backend: vmvx, device: local-sync, runs-on: [self-hosted, b], exclusive-device: true}\n"
    found = findings(folder(tmp_path, targets=TARGETS + new + busy, mine=SUITE))
    assert [told in each.message for each in found] == [True], found
    assert found[0].location.line == 5
    assert found[0].remedy


@pytest.mark.parametrize(
    ("driver", "told", "column"),
    [
        ("{1X: y}", "'1X' is not a name of an environment variable", 30),
        ("[A]", "precompile-driver: ", 29),
        ("true", "precompile-driver: ", 29),
    ],
)
def test_what_a_driver_cannot_have_is_found(tmp_path: Path, driver: str, told: str, column: int) -> None:
    lines = [
        "  new:", "    backend: vulkan-spirv", "    device: vulkan", "    runs-on: [self-hosted, new]",
        "    build-on: cpu", f"    precompile-driver:      {driver}", "",
    ]  # fmt: skip
    (found,) = findings(folder(tmp_path, targets=TARGETS + "\n".join(lines), mine=SUITE))
    assert told in found.message
    assert (found.location.line, found.location.column) == (10, column)
    assert found.remedy


def a_case(root: Path) -> Case:
    return load(root).suite("mine").cases_for("gpu")[0]


def test_what_cannot_be_split_stays_whole(tmp_path: Path) -> None:
    case = a_case(tmp_path)
    assert whole_because(case) == ""
    tuning = msgspec.structs.replace(case.tuning, verify_intermediates=True)
    for field, value in (
        ("depth", Depth.EXECUTE_OP_BY_OP), ("depth", Depth.COMPILE_OP_BY_OP), ("path", ModelPath.ORT_EP),
        ("tuning", tuning),
    ):  # fmt: skip
        other = msgspec.structs.replace(case, **{field: value})
        assert whole_because(other)
        assert built_stages(other, BUILD_STAGES) == ()


def plan_of(loaded: Workspace, seconds: Timings, target: str = "gpu") -> matrix.TargetPlan:
    built = matrix.build(loaded, loaded.suite("mine"), seconds)
    plan = built.target(target)
    assert plan is not None
    return plan


def test_shards_are_planned_by_the_seconds_of_the_device(tmp_path: Path) -> None:
    loaded = load(tmp_path)
    keys = [case.key for case in loaded.suite("mine").cases_for("gpu")]
    whole = dict.fromkeys(keys, 10.0)
    recorded = Timings({"gpu": TimingsFile(target="gpu", seconds=whole, device_seconds=dict.fromkeys(keys, 0.5))})
    plan = plan_of(loaded, recorded)
    assert plan.build is not None
    assert (plan.build.target, plan.build.runs_on, plan.build.whole) == ("cpu", ("ubuntu-24.04",), {})
    alone = plan_of(load(tmp_path / "alone", TARGETS.replace("build-on: cpu,", "")), recorded)
    assert alone.build is None
    assert sum(shard.minutes for shard in plan.shards) < sum(shard.minutes for shard in alone.shards) / 2
    assert {shard.build_minutes for shard in alone.shards} == {0.0}
    for shard in plan.shards:
        ran = sum(case.skip is None for case in loaded.suite("mine").cases_for("gpu") if case.key in shard.cases)
        assert shard.minutes == pytest.approx(1.5 + 0.5 * ran / 60, abs=0.11)
        assert shard.build_minutes == pytest.approx(1.5 + 9.5 * ran / 60 / sharding.ASSUMED_CORES, abs=0.3)


@given(st.lists(st.tuples(st.integers(1, 60_000), st.integers(0, 600_000)), min_size=1, max_size=60))
def test_neither_machine_is_asked_for_more_than_it_has(costs: list[tuple[int, int]]) -> None:
    device = {f"c{n}": each for n, (each, _) in enumerate(costs)}
    build = {f"c{n}": each for n, (_, each) in enumerate(costs)}
    rules = sharding.Rules(setup=90_000, budget=600_000, lanes=1, capacity=4)
    limit = 6_000_000
    weighed = sharding.weighed(device, rules, build, limit)
    room = (rules.budget - rules.setup) * rules.lanes
    for keys in sharding.plan(weighed, rules):
        if sum(weighed[key] for key in keys) <= room:
            assert sum(device[key] for key in keys) <= room
            assert sum(build[key] for key in keys) <= limit


def test_a_shorter_depth_needs_neither_device_nor_build(tmp_path: Path) -> None:
    target = load(tmp_path).target("gpu")
    assert at_depth(target, Depth.EXECUTE).build_on == "cpu"
    assert at_depth(target, Depth.COMPILE).build_on is None
    compiled = load(tmp_path / "compiled", suite=SUITE.replace("depth: execute", "depth: compile"))
    assert plan_of(compiled, timings.Timings({})).build is None


def test_the_workflow_calls_with_the_builders_machine(tmp_path: Path) -> None:
    loaded = load(tmp_path)
    suite = loaded.suite("mine")
    built = matrix.build(loaded, suite, timings.Timings({}))
    text = render.suite_workflow(suite, built, {each.name: each for each in loaded.targets}, render.Naming())
    cpu, gpu = text.split("\n  gpu:\n")
    assert "build-runs-on" not in cpu
    assert "build-runs-on: '[\"ubuntu-24.04\"]'" in gpu
    assert "build-packages: 'libnuma1'" in gpu
    assert "max-parallel: 6" in gpu  # the next shard is built while this one has the device


@pytest.mark.parametrize(
    ("written", "driver"),
    [
        ("", None),
        ("precompile-driver: {},", ()),
        ("precompile-driver: {B: '', A: x},", (EnvVar("A", "x"), EnvVar("B", ""))),
    ],
)
def test_what_a_driver_needs_to_compile_without_its_device(
    tmp_path: Path, written: str, driver: tuple[EnvVar, ...] | None
) -> None:
    targets = TARGETS.replace("backend: rocm, device: hip, chip: gfx942", "backend: vulkan-spirv, device: vulkan")
    loaded = load(tmp_path, targets.replace("build-on", f"{written} build-on"))
    assert loaded.target("gpu").precompile_driver == driver


def test_recorded_seconds_survive_their_file() -> None:
    whole, device = {"b@onnx": 2.0, "a@onnx": 1.0}, {"a@onnx": 0.1}
    read = msgspec.json.decode(timings.dump("gpu", whole, device), type=TimingsFile)
    assert (read.seconds, read.device_seconds) == (whole, device)
    assert b"device_seconds" not in timings.dump("gpu", whole)

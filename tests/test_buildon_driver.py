"""While a shard is built, the device's driver compiles its kernels: lavapipe, which works wherever it is installed."""

from __future__ import annotations

import os
import pathlib
import shutil
import time
import zipfile

import pytest

from runner.halves.precompile import precompile
from runner.options import parse
from runner.pool import BATCHES_VARIABLE, WORKER_VARIABLE
from runner.select import select
from runner.store import STORE_VARIABLE
from suites import workspace
from tests.buildon_support import SHARD, TwoMachines
from tests.buildon_support.worker import FAULT
from tests.targets_support import needs_vulkan
from tests.test_buildon_halves import alike

pytestmark = pytest.mark.slow

TARGETS = """\
targets:
  cpu:
    backend: llvm-cpu
    device: local-task
    runs-on: ubuntu-24.04
    jobs: 2
    memory-limit: 3GiB
  lab:
    backend: vulkan-spirv
    device: vulkan
    runs-on: [self-hosted, linux, lab]
    build-on: cpu
    exclusive-device: true
    memory-limit: 3GiB
    environment: {LP_NATIVE_VECTOR_WIDTH: "256"}
    compile-flags: ["--iree-vulkan-target-features=spirv:v1.6,cap:Shader,cap:Int64"]
"""
TESTS = ("--tests", "good|outside|refused|code")
ENDS = {"good": "PASS", "outside": "PASS", "refused": "FAIL", "code": "PASS"}
HANDED = 2  # one is refused, and one needs its model on the device


@pytest.fixture(autouse=True)
def lavapipe(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip where it is not; with its cache, which the tests' environment may switch off."""
    needs_vulkan()
    monkeypatch.delenv("MESA_SHADER_CACHE_DISABLE", raising=False)


def two(root: pathlib.Path, more: str = "    build-driver: {}\n") -> TwoMachines:
    return TwoMachines(root / "two", more=more, targets=TARGETS)


def build(suite: TwoMachines, *options: str, **extra: str) -> str:
    """What the build of the shard says, on a machine with a store of its own."""
    done = suite.half("build", "hosted", *TESTS, *options, E2ESHARD_STORE=str(suite.root / "hosted-store"), **extra)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 handed over" in done.stdout
    return done.stdout


def device(suite: TwoMachines, *options: str) -> tuple[dict[str, object], set[str]]:
    """What is alike of the records of the device's half, and the kernels that its driver has in the end."""
    shutil.rmtree(suite.root / "lab", ignore_errors=True)
    done = suite.half("device", "lab", *TESTS, *options)
    assert done.returncode == 1, done.stdout + done.stderr
    records = suite.results("lab")
    assert {name: record.outcome for name, record in records.items()} == ENDS
    found = (suite.store / "drivers").rglob("*")
    kernels = {each.name for each in found if each.is_file() and each.name != "index"}
    return {name: alike(record) for name, record in records.items()}, kernels


def code_file(suite: TwoMachines) -> pathlib.Path:
    return suite.root.joinpath("handover", *SHARD, "drivers.zip")


def handed_kernels(suite: TwoMachines) -> set[str]:
    with zipfile.ZipFile(code_file(suite)) as archive:
        return {pathlib.PurePath(each).name for each in archive.namelist()} - {"index"}


def _kernels(suite: TwoMachines) -> list[pathlib.Path]:
    return [each for each in (suite.store / "drivers").rglob("*") if each.is_file()]


def _make_old(suite: TwoMachines) -> None:
    for each in _kernels(suite):
        os.utime(each, (1e9, 1e9))


def _read_since(suite: TwoMachines) -> set[str]:
    """The kernels that were read and not written since they were made old; whoever reads a file so old marks that."""
    found = [(each.name, each.stat()) for each in _kernels(suite)]
    return {name for name, stat in found if stat.st_atime > 1e9 and stat.st_mtime == 1e9}


def test_the_device_compiles_nothing_that_was_compiled_there(tmp_path: pathlib.Path) -> None:
    suite = two(tmp_path)
    assert f"driver: the kernels of {HANDED} of {HANDED} cases compiled in" in build(suite)
    handed = handed_kernels(suite)
    assert handed
    records, kernels = device(suite)
    assert handed < kernels, "what is left is the case that needs its model there"
    shutil.rmtree(suite.store)
    with zipfile.ZipFile(code_file(suite)) as archive:
        archive.extractall(suite.store / "drivers")
    _make_old(suite)
    device(suite)
    assert handed <= _read_since(suite), "the driver uses what it is given"
    code_file(suite).unlink()
    shutil.rmtree(suite.store)
    alone, own = device(suite)
    assert own == kernels, "its driver makes the same by itself"
    assert alone == records, "and what comes out is the same"
    merged, _, problems = suite.merge("hosted", "lab")
    assert (merged, problems) == (1, [])
    assert not list(suite.root.joinpath("hosted").rglob("records.jsonl")), "a trial leaves no record"


def test_a_driver_that_is_not_there_costs_its_code_alone(tmp_path: pathlib.Path) -> None:
    suite = two(tmp_path, "    build-driver: {VK_DRIVER_FILES: /nowhere.json, VK_ICD_FILENAMES: /nowhere.json}\n")
    said = build(suite)
    assert "driver: " in said
    assert "mesa-vulkan-drivers" in said, "how to get it"
    assert not code_file(suite).exists()
    device(suite)


@pytest.mark.parametrize("fault", ["crash", "lose", "spoil"])
def test_a_fault_in_the_driver_costs_nothing_else(tmp_path: pathlib.Path, fault: str) -> None:
    suite = two(tmp_path)
    worker = {WORKER_VARIABLE: "tests.buildon_support.worker:run", BATCHES_VARIABLE: "1", FAULT: fault}
    said = build(suite, **worker)
    assert f"driver: the kernels of {HANDED} of {HANDED} cases compiled in" in said, "each of them once more, alone"
    assert handed_kernels(suite)
    device(suite)


def test_a_driver_that_hangs_has_the_build_s_own_deadline(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = two(tmp_path, "")
    build(suite)
    shutil.copytree(suite.root / "hosted", suite.root / "handover" / "small-lab-0-build-1")
    worker = {WORKER_VARIABLE: "tests.buildon_support.worker:run", BATCHES_VARIABLE: "1", FAULT: "hang"}
    for name, value in (worker | {STORE_VARIABLE: str(suite.root / "hosted-store")}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(suite.root)
    options = parse(["--shard", "/".join(SHARD), "--half", "build"], {})
    loaded = workspace.load(options.suites)
    (batch,) = select(loaded, options)
    begun = time.monotonic()
    said = precompile(batch, loaded.target("cpu"), options, begun + 3, lambda: False)
    assert 3 <= time.monotonic() - begun < 60
    assert said[0].startswith(f"  driver: the kernels of 0 of {HANDED} cases compiled in ")
    assert said[-1] == "  the shard-deadline ended that; the device's driver compiles what is left"
    monkeypatch.undo()
    monkeypatch.delenv("MESA_SHADER_CACHE_DISABLE", raising=False)
    device(suite)


def test_without_room_it_is_left_out(tmp_path: pathlib.Path) -> None:
    suite = two(tmp_path, "    build-driver: {}\n    handover-total: 30KiB\n")
    said = build(suite)
    assert "are left of handover-total" in said
    assert not code_file(suite).exists()
    device(suite)


@pytest.mark.parametrize(
    ("options", "extra", "said"),
    [(("--force-recompile",), {}, ""), ((), {"E2ESHARD_STORE_LIMIT": "0"}, "E2ESHARD_STORE_LIMIT is 0")],
)
def test_where_no_kept_code_is_used_none_is_made(
    tmp_path: pathlib.Path, options: tuple[str, ...], extra: dict[str, str], said: str
) -> None:
    suite = two(tmp_path)
    told = build(suite, *options, **extra)
    assert "kernels of" not in told
    assert said in told
    assert not code_file(suite).exists()


def test_only_where_the_target_says_so(tmp_path: pathlib.Path) -> None:
    suite = two(tmp_path, "")
    assert "driver" not in build(suite)
    assert not code_file(suite).exists()

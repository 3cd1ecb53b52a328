"""While a shard is built, the device's driver compiles its kernels: lavapipe, which works wherever it is installed."""

from __future__ import annotations

import os
import pathlib
import shutil
import signal
import subprocess
import time
import zipfile
from collections.abc import Callable

import pytest

from runner.halves import precompile as precompile_module
from runner.halves.precompile import precompile
from runner.options import parse
from runner.pool import BATCHES_VARIABLE, WORKER_VARIABLE
from runner.select import select
from runner.store import STORE_VARIABLE
from suites import workspace
from tests.buildon_support import SHARD, TwoMachines, half_of
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
COMPILED = f"driver: the kernels of {HANDED} of {HANDED} cases compiled in"


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
    assert COMPILED in build(suite)
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
    left = [*suite.root.joinpath("hosted").rglob("records.jsonl"), *suite.root.joinpath("hosted").rglob("driver-*")]
    assert not left, "a trial leaves nothing else"
    assert not (suite.root / "hosted-store" / "drivers").exists()


def test_a_driver_that_is_not_there_costs_its_code_alone(tmp_path: pathlib.Path) -> None:
    suite = two(tmp_path, "    build-driver: {VK_DRIVER_FILES: /nowhere.json, VK_ICD_FILENAMES: /nowhere.json}\n")
    said = build(suite)
    assert "driver: " in said
    assert "mesa-vulkan-drivers" in said, "how to get it"
    assert not code_file(suite).exists()
    device(suite)


FAULTY = {WORKER_VARIABLE: "tests.buildon_support.worker:run", BATCHES_VARIABLE: "1"}


@pytest.mark.parametrize("fault", ["crash", "lose", "spoil"])
def test_a_fault_in_the_driver_costs_nothing_else(tmp_path: pathlib.Path, fault: str) -> None:
    suite = two(tmp_path)
    said = build(suite, "--log-level", "info", **FAULTY, **{FAULT: fault})
    assert COMPILED in said, "each of them once more, alone"
    assert handed_kernels(suite)
    device(suite)


def test_a_driver_that_hangs_has_the_build_s_own_deadline(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = two(tmp_path, "")
    build(suite)
    said, seconds = tried(suite, monkeypatch, lambda begun: begun + precompile_module._RESERVE + 3, fault="hang")
    assert 3 <= seconds < 60
    assert said[0].startswith(f"  driver: the kernels of 0 of {HANDED} cases compiled in ")
    assert said[-1] == "  ended early (shard-deadline): the device's driver compiles what is left"
    device(suite)


def test_without_time_it_is_not_begun(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    suite = two(tmp_path, "")
    build(suite)
    said, _ = tried(suite, monkeypatch, lambda begun: begun + 30)
    assert said == ["  driver: no time is left for it; the device's driver compiles all"]


def test_a_mistake_of_ours_is_a_line(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    suite = two(tmp_path, "")
    build(suite)

    def broken(*_: object) -> None:
        raise RuntimeError("a mistake\n::error::of ours")

    monkeypatch.setattr(precompile_module, "handed_over", broken)
    said, _ = tried(suite, monkeypatch, lambda begun: begun + 900)
    assert len(said) == 1
    assert said[0].startswith("  driver: none of its code is handed over: a mistake")
    assert "\n::error::" not in said[0], "nothing speaks to GitHub"


def tried(
    suite: TwoMachines, monkeypatch: pytest.MonkeyPatch, ends: Callable[[float], float], fault: str = "none"
) -> tuple[list[str], float]:
    """What is said of the driver of a shard that was built, and how long that took; seconds."""
    shutil.copytree(suite.root / "hosted", suite.root / "handover" / "small-lab-0-build-1")
    with monkeypatch.context() as context:
        own = {STORE_VARIABLE: str(suite.root / "hosted-store"), FAULT: fault, **FAULTY}
        for name, value in own.items():
            context.setenv(name, value)
        context.chdir(suite.root)
        options = parse(half_of("build", "hosted"), {})
        loaded = workspace.load(options.suites)
        (batch,) = select(loaded, options)
        begun = time.monotonic()
        said = precompile(batch, loaded.target("cpu"), options, ends(begun), lambda: False)
        return said, time.monotonic() - begun


def test_an_interrupted_trial_leaves_what_was_built(tmp_path: pathlib.Path) -> None:
    suite = two(tmp_path)
    store = {STORE_VARIABLE: str(suite.root / "hosted-store")}
    begun = subprocess.Popen(
        suite.command(*half_of("build", "hosted"), *TESTS),
        cwd=suite.root,
        env=suite.environment(**store, **FAULTY, **{FAULT: "hang"}),
        stdout=subprocess.PIPE,
        text=True,
    )
    folder = suite.root.joinpath("hosted", *SHARD, "build")
    ends = time.monotonic() + 120
    while not list(folder.glob("driver-*/run/trial.jsonl")) and time.monotonic() < ends:
        time.sleep(0.05)
    time.sleep(1)  # a case of it runs
    begun.send_signal(signal.SIGTERM)
    said, _ = begun.communicate(timeout=60)
    assert begun.returncode == 130, said
    assert "3 handed over" in said
    assert "ended early (interrupted)" in said
    assert not list(folder.glob("driver-*")), "nothing of the trial is left"
    assert not code_file(suite).exists()
    device(suite)


def test_without_room_it_is_left_out(tmp_path: pathlib.Path) -> None:
    suite = two(tmp_path, "    build-driver: {}\n    handover-total: 30KiB\n")
    said = build(suite)
    assert "are left of handover-total" in said
    assert not code_file(suite).exists()
    device(suite)


def test_a_driver_that_keeps_nothing_hands_nothing_over(tmp_path: pathlib.Path) -> None:
    suite = two(tmp_path)
    assert "0.0 MiB handed over" in build(suite, MESA_SHADER_CACHE_DISABLE="true")
    assert not code_file(suite).exists()


def test_where_no_kept_code_is_used_none_is_made(tmp_path: pathlib.Path) -> None:
    suite = two(tmp_path)
    assert "driver: no case has use for its code" in build(suite, "--force-recompile")
    assert not code_file(suite).exists()


def test_only_where_the_target_says_so(tmp_path: pathlib.Path) -> None:
    suite = two(tmp_path, "")
    assert "driver" not in build(suite)
    assert not code_file(suite).exists()


def test_a_spoilt_archive_costs_the_time_only(tmp_path: pathlib.Path) -> None:
    suite = two(tmp_path)
    build(suite)
    data = bytearray(code_file(suite).read_bytes())
    data[60:90] = bytes(30)  # in the compressed bytes of the first file
    code_file(suite).write_bytes(data)
    device(suite)

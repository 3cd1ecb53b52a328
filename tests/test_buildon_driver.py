"""While a shard is built, the device's driver compiles its kernels: lavapipe, which works wherever it is installed."""

from __future__ import annotations

import os
import pathlib
import shutil
import signal
import subprocess
import time
import zipfile

import pytest

from runner import devices, toolchain
from runner.halves import precompile as precompile_module
from runner.halves.precompile import precompile
from runner.options import parse
from runner.pool import BATCHES_VARIABLE, WORKER_VARIABLE
from runner.select import select
from runner.store import STORE_VARIABLE
from schemas.words import Stage
from suites import workspace
from tests.buildon_support import SHARD, TwoMachines, half_of
from tests.buildon_support.worker import FAULT
from tests.targets_support import VULKAN, needs_vulkan
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
COMPILED = f"the kernels of {HANDED} of {HANDED} cases compiled in"
FAULTY = {WORKER_VARIABLE: "tests.buildon_support.worker:run", BATCHES_VARIABLE: "1"}


@pytest.fixture(autouse=True)
def lavapipe(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip where it is not the device that is found; with its cache, which an environment may switch off."""
    needs_vulkan()
    found = devices.probe(toolchain.find(None, VULKAN), VULKAN, (Stage.COMPILED_INFERENCE,)).device
    if "llvmpipe" not in found:
        pytest.skip(f"the Vulkan device here is another than lavapipe: {found}")
    monkeypatch.delenv("MESA_SHADER_CACHE_DISABLE", raising=False)


def two(root: pathlib.Path, more: str = "    precompile-driver: {}\n") -> TwoMachines:
    return TwoMachines(root / "two", more=more, targets=TARGETS)


def build(suite: TwoMachines, *options: str, **extra: str) -> str:
    """What the build of the shard says, on a machine with a store of its own."""
    done = suite.half("build", "hosted", *TESTS, *options, **{STORE_VARIABLE: str(hosted_store(suite))}, **extra)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 handed over" in done.stdout
    return done.stdout + done.stderr


def hosted_store(suite: TwoMachines) -> pathlib.Path:
    return suite.root / "hosted-store"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> TwoMachines:
    """Built without its driver, and not yet gone on with."""
    suite = two(tmp_path_factory.mktemp("built"), "")
    assert "driver" not in build(suite)
    assert not code_file(suite).exists()
    return suite


@pytest.fixture
def suite(built: TwoMachines, tmp_path: pathlib.Path) -> TwoMachines:
    """A copy, so that a test may spoil it."""
    shutil.copytree(built.root, tmp_path / "two")
    copy = object.__new__(TwoMachines)
    copy.root, copy.store = tmp_path / "two", tmp_path / "two" / "store"
    return copy


def tried(
    suite: TwoMachines, monkeypatch: pytest.MonkeyPatch, *, left: float = 900.0, driver: str = "{}", fault: str = "none"
) -> tuple[list[str], float]:
    """What is said of the driver of a shard that was built ``left`` seconds before its deadline; seconds it took."""
    targets = suite.root / "suites" / "targets.yaml"
    targets.write_text(f"{TARGETS}    precompile-driver: {driver}\n")
    with monkeypatch.context() as context:
        for name, value in {STORE_VARIABLE: str(hosted_store(suite)), FAULT: fault, **FAULTY}.items():
            context.setenv(name, value)
        context.chdir(suite.root)
        options = parse((*half_of("build", "hosted"), *TESTS), {})
        loaded = workspace.load(options.suites)
        (batch,) = select(loaded, options)
        machine = loaded.target("cpu")
        begun = time.monotonic()
        said = precompile(batch, machine, options, begun - machine.shard_timeout + left, lambda: False)
        return said, time.monotonic() - begun


def device(suite: TwoMachines) -> tuple[dict[str, object], set[str], str]:
    """What is alike of the records of the device's half, the kernels that its driver has in the end, and the log."""
    shutil.rmtree(suite.root / "lab", ignore_errors=True)
    done = suite.half("device", "lab", *TESTS)
    assert done.returncode == 1, done.stdout + done.stderr
    records = suite.results("lab")
    assert {name: record.outcome for name, record in records.items()} == ENDS
    found = (suite.store / "drivers").rglob("*")
    kernels = {each.name for each in found if each.is_file() and each.name != "index"}
    return {name: alike(record) for name, record in records.items()}, kernels, done.stdout + done.stderr


def code_file(suite: TwoMachines) -> pathlib.Path:
    return suite.root.joinpath("handover", *SHARD, "drivers.zip")


def handed_kernels(suite: TwoMachines) -> set[str]:
    with zipfile.ZipFile(code_file(suite)) as archive:
        return {pathlib.PurePath(each).name for each in archive.namelist()} - {"index"}


def _kernels(suite: TwoMachines) -> list[pathlib.Path]:
    return [each for each in (suite.store / "drivers").rglob("*") if each.is_file()]


def _make_old(suite: TwoMachines) -> bool:
    """Give the kernels a time long ago; whether this file system then marks a file that is read."""
    probe = suite.root / "probe"
    probe.write_bytes(b"x")
    for each in (*_kernels(suite), probe):
        os.utime(each, (1e9, 1e9))
    probe.read_bytes()
    return probe.stat().st_atime > 1e9


def _read_since(suite: TwoMachines) -> set[str]:
    """The kernels that were read and not written since they were made old."""
    found = [(each.name, each.stat()) for each in _kernels(suite) if each.name != "index"]
    return {name for name, stat in found if stat.st_atime > 1e9 and stat.st_mtime == 1e9}


def test_the_device_compiles_nothing_that_was_compiled_there(tmp_path: pathlib.Path) -> None:
    suite = two(tmp_path)
    said = build(suite)
    assert "driver: vulkan: llvmpipe" in said
    assert COMPILED in said
    handed = handed_kernels(suite)
    records, kernels, said = device(suite)
    assert "of code were new here, compiled by vulkan: llvmpipe" in said
    assert handed < kernels
    shutil.rmtree(suite.store)
    with zipfile.ZipFile(code_file(suite)) as archive:
        archive.extractall(suite.store / "drivers")
    if _make_old(suite):
        device(suite)
        assert handed == _read_since(suite), "the driver uses all that it is given"
    code_file(suite).unlink()
    shutil.rmtree(suite.store)
    alone, own, said = device(suite)
    assert "driver:" not in said
    assert own == kernels, "its driver makes the same by itself"
    assert alone == records, "and what comes out is the same"
    merged, _, problems = suite.merge("hosted", "lab")
    assert (merged, problems) == (1, [])
    left = [*suite.root.joinpath("hosted").rglob("records.jsonl"), *suite.root.joinpath("hosted").rglob("work")]
    assert not left, "a trial leaves nothing else"
    assert not (hosted_store(suite) / "drivers").exists()


def test_a_driver_that_is_not_there_costs_its_code_alone(suite: TwoMachines, monkeypatch: pytest.MonkeyPatch) -> None:
    said, _ = tried(suite, monkeypatch, driver="{VK_DRIVER_FILES: /nowhere.json, VK_ICD_FILENAMES: /nowhere.json}")
    assert len(said) == 1
    assert "mesa-vulkan-drivers" in said[0], "how to get it"
    assert not code_file(suite).exists()
    device(suite)


@pytest.mark.parametrize("fault", ["crash", "lose"])
def test_a_fault_in_the_driver_costs_nothing_else(
    suite: TwoMachines, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    with caplog.at_level("INFO"):
        said, _ = tried(suite, monkeypatch, fault=fault)
    assert f"a batch of {HANDED}: 0 ended as they should" in caplog.text
    assert COMPILED in said[1], "each of them once more, alone"
    assert handed_kernels(suite)
    device(suite)


def test_a_driver_that_hangs_has_the_build_s_own_deadline(suite: TwoMachines, monkeypatch: pytest.MonkeyPatch) -> None:
    said, seconds = tried(suite, monkeypatch, left=90 + 3, fault="hang")
    assert 3 <= seconds < 60
    assert said[1].startswith(f"  the kernels of 0 of {HANDED} cases compiled in ")
    assert said[-1] == "  ended early (shard-deadline): the device's driver compiles what is left"
    device(suite)


def test_without_time_it_is_not_begun(suite: TwoMachines, monkeypatch: pytest.MonkeyPatch) -> None:
    said, _ = tried(suite, monkeypatch, left=90)
    assert said == ["  driver: no time is left for it; the device's driver compiles all"]


def test_a_mistake_of_ours_is_told(
    suite: TwoMachines, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("a mistake\n::error::of ours")

    monkeypatch.setattr(precompile_module, "handed_over", broken)
    (said,), _ = tried(suite, monkeypatch)
    assert said.startswith("  driver: none of its code is handed over: KeyError: ")
    assert "\n::error::" not in said, "nothing speaks to GitHub"
    assert "in broken" in caplog.text, "where it happened"


def test_an_interrupted_trial_leaves_what_was_built(tmp_path: pathlib.Path) -> None:
    suite = two(tmp_path)
    begun = subprocess.Popen(
        suite.command(*half_of("build", "hosted"), *TESTS),
        cwd=suite.root,
        env=suite.environment(**{STORE_VARIABLE: str(hosted_store(suite)), FAULT: "hang"}, **FAULTY),
        stdout=subprocess.PIPE,
        text=True,
    )
    folder = suite.root.joinpath("hosted", *SHARD, "build", "work")
    ends = time.monotonic() + 120
    while not (folder / "run" / "trial.jsonl").exists() and time.monotonic() < ends:
        time.sleep(0.05)
    begun.send_signal(signal.SIGTERM)
    said, _ = begun.communicate(timeout=60)
    assert begun.returncode == 130, said
    assert "3 handed over" in said
    assert "ended early (interrupted)" in said
    assert not folder.exists(), "nothing of the trial is left"
    assert not code_file(suite).exists()
    device(suite)


def test_without_room_it_is_left_out(suite: TwoMachines, monkeypatch: pytest.MonkeyPatch) -> None:
    size = sum(each.size for each in suite.partials("hosted").values())
    said, _ = tried(suite, monkeypatch, driver=f"{{}}\n    handover-total: {size // 1024 + 1}KiB")
    assert "are left of handover-total" in said[0]
    assert not code_file(suite).exists()
    device(suite)


def test_a_driver_that_keeps_nothing_hands_nothing_over(suite: TwoMachines, monkeypatch: pytest.MonkeyPatch) -> None:
    said, _ = tried(suite, monkeypatch, driver='{MESA_SHADER_CACHE_DISABLE: "true"}')
    assert "nothing handed over" in said[1]
    assert not code_file(suite).exists()


def test_where_no_kept_code_is_used_none_is_made(tmp_path: pathlib.Path) -> None:
    suite = two(tmp_path)
    assert "driver: no case has use for its code" in build(suite, "--force-recompile")
    assert not code_file(suite).exists()


def test_a_spoilt_archive_costs_the_time_only(suite: TwoMachines, monkeypatch: pytest.MonkeyPatch) -> None:
    tried(suite, monkeypatch)
    with zipfile.ZipFile(code_file(suite)) as archive:
        first = archive.infolist()[0]
    data = bytearray(code_file(suite).read_bytes())
    inside = first.header_offset + 30 + len(first.filename) + first.compress_size // 2
    data[inside] ^= 255
    code_file(suite).write_bytes(data)
    _, _, said = device(suite)
    assert "what the driver had compiled cannot be used" in said

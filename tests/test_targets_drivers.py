"""What a device's driver compiles is kept in the store, and not used where something is doubted."""

from __future__ import annotations

import pathlib
import shutil

import msgspec
import pytest

from generator import render
from runner.backends.drivers import keep_code
from runner.cache.inventory import DRIVERS
from runner.cache.room import Room
from runner.protocol import Job, Toolchain
from runner.store import STORE_VARIABLE, Store
from schemas.target import EnvVar, Target
from schemas.words import Stage
from tests.stages_support.cases import a_case
from tests.targets_support import VULKAN, needs_vulkan
from tests.test_targets_run import shard, suites

CUDA = msgspec.structs.replace(VULKAN, backend="cuda", device="cuda")
CPU = msgspec.structs.replace(VULKAN, backend="llvm-cpu", device="local-task")
HIP = msgspec.structs.replace(VULKAN, backend="rocm", device="hip")
RUNS = (Stage.COMPILED_INFERENCE,)
NOWHERE = Toolchain(iree_compile="", iree_opt="", iree_run_module="", library="", origin="package")


def told(
    target: Target,
    *,
    anew: bool = False,
    stages: tuple[Stage, ...] = RUNS,
    own: tuple[EnvVar, ...] = (),
    **before: str,
) -> dict[str, str]:
    environment = dict(before)
    case = msgspec.structs.replace(a_case(), environment=own)
    job = Job(case=case, target=target, toolchain=NOWHERE, source="", folder="", logs="", stages=stages, anew=anew)
    keep_code(job, environment)
    return environment


@pytest.fixture
def store(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    monkeypatch.setenv(STORE_VARIABLE, str(tmp_path / "store"))
    return tmp_path / "store"


def test_each_driver_has_a_folder_in_the_store(store: pathlib.Path) -> None:
    assert told(VULKAN) == {
        "MESA_SHADER_CACHE_DIR": f"{store}/drivers/mesa",
        "MESA_DISK_CACHE_MULTI_FILE": "true",
        "__GL_SHADER_DISK_CACHE_PATH": f"{store}/drivers/nvidia",
    }
    assert told(CUDA) == {"CUDA_CACHE_PATH": f"{store}/drivers/cuda"}
    assert sorted(each.name for each in (store / "drivers").iterdir()) == ["cuda", "mesa", "nvidia"]


@pytest.mark.parametrize("target", [CPU, HIP])
def test_what_compiles_nothing_has_none(store: pathlib.Path, target: Target) -> None:
    assert told(target) == told(target, anew=True) == {}
    assert not store.exists()


def test_the_workflows_keep_the_same_folder() -> None:
    assert f"{render.STORE}/{DRIVERS}" == render.DRIVERS


def test_what_the_environment_says_stays(store: pathlib.Path) -> None:
    assert told(CUDA, CUDA_CACHE_PATH="/own") == {"CUDA_CACHE_PATH": "/own"}
    assert told(CUDA, anew=True, CUDA_CACHE_DISABLE="0") == {"CUDA_CACHE_DISABLE": "0"}
    assert not store.exists()


def test_what_is_doubted_is_compiled_by_the_driver_too(store: pathlib.Path) -> None:
    assert told(VULKAN, anew=True) == {"MESA_SHADER_CACHE_DISABLE": "true", "__GL_SHADER_DISK_CACHE": "0"}
    assert not store.exists()


def test_a_case_that_runs_nothing_there_or_a_store_that_keeps_nothing_has_none(store: pathlib.Path) -> None:
    assert told(CUDA, stages=(Stage.COMPILATION,)) == {}
    assert told(CUDA, E2ESHARD_STORE_LIMIT="0") == {"E2ESHARD_STORE_LIMIT": "0"}
    assert not store.exists()


def test_other_settings_have_another_folder(store: pathlib.Path) -> None:
    wide, narrow = (EnvVar("WIDTH", "256"),), (EnvVar("WIDTH", "128"),)
    assert len({told(CUDA, own=each)["CUDA_CACHE_PATH"] for each in ((), wide, narrow)}) == 3
    assert len(list((store / "drivers").iterdir())) == 3


def test_a_store_that_cannot_be_written_costs_nothing_but_time(store: pathlib.Path) -> None:
    store.write_bytes(b"a file")
    assert told(CUDA) == {}


def test_a_driver_s_folder_goes_where_room_is_needed(store: pathlib.Path) -> None:
    told(CUDA)
    (store / "drivers" / "cuda" / "index").write_bytes(bytes(1 << 20))
    assert Room(Store(store), 1 << 16).trim() == 0
    assert not (store / "drivers" / "cuda").exists()


@pytest.mark.slow
def test_a_second_night_finds_its_kernels_and_force_recompile_does_not(
    tmp_path: pathlib.Path, store: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs_vulkan()
    monkeypatch.delenv("MESA_SHADER_CACHE_DISABLE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    suites(tmp_path, "execute", "vulkan", "[{name: onnx/node/test_relu}]")

    def kernels() -> dict[pathlib.Path, int]:
        found = (store / "drivers").rglob("*") if store.exists() else ()
        return {path: path.stat().st_mtime_ns for path in found if path.is_file() and path.name != "index"}

    for options in ((), (), ("--force-recompile",)):
        before = kernels()
        done, _ = shard(tmp_path, "vulkan", *options, **{STORE_VARIABLE: str(store)})
        assert done.returncode == 0, done.stdout + done.stderr
        assert kernels()
        assert before in ({}, kernels()), "nothing was compiled, nor kept once more"
    shutil.rmtree(store / "drivers")
    done, _ = shard(tmp_path, "vulkan", "--force-recompile", **{STORE_VARIABLE: str(store)})
    assert done.returncode == 0, done.stdout + done.stderr
    assert kernels() == {}
    assert not list((tmp_path / "cache").rglob("mesa*")), "nor anywhere else"

"""What a machine lacks for a target is found before any case runs, by asking the tools themselves."""

from __future__ import annotations

import pathlib
import time

import msgspec
import pytest

from runner import devices, toolchain
from schemas.errors import UsageError
from schemas.target import EnvVar, Target
from schemas.words import Stage
from tests.targets_support import VULKAN, fake_tools, needs_vulkan

ALL = tuple(Stage)
COMPILE = (Stage.SETUP, Stage.IMPORT_MODEL, Stage.COMPILATION)
MI300 = Target(name="mi", backend="rocm", device="hip", chip="gfx942", runs_on=("x",), hosted=False)
METAL = Target(name="metal", backend="metal-spirv", device="metal", runs_on=("x",), hosted=False)
AIE = Target(name="aie", backend="amd-aie", device="xrt-lite", runs_on=("x",), hosted=False)
CPU = Target(name="cpu", backend="llvm-cpu", device="local-task", runs_on=("x",), hosted=True)

DUMP = """\
# Enumerated devices for driver 'hip'
# ===----------------------------------------------------------------------===
# --device=hip://GPU-aa
#   AMD Instinct MI300X
# ===----------------------------------------------------------------------===

- gpu-compute-capability: 9.4
- gpu-arch-name: gfx942:sramecc+:xnack-

# ===----------------------------------------------------------------------===
# --device=hip://GPU-bb
#   AMD Radeon PRO W7900
# ===----------------------------------------------------------------------===

- gpu-arch-name: gfx1100
"""


def hip(folder: pathlib.Path, target: Target, dump: str = DUMP) -> devices.Readiness:
    (folder / "dump").write_text(dump)
    return devices.probe(fake_tools(folder, f"cat {folder}/dump"), target, ALL)


def test_the_cpu_is_always_there() -> None:
    begun = time.monotonic()
    assert devices.probe(toolchain.find(None, CPU), CPU, ALL) == devices.Readiness(device="local-task")
    assert time.monotonic() - begun < 5


def test_a_driver_that_the_runtime_does_not_have() -> None:
    missing = devices.probe(toolchain.find(None, METAL), METAL, ALL).hinders(ALL)
    assert missing is not None
    assert missing.signature == "no driver metal"
    assert "no driver 'metal' registered" in missing.why
    assert "mend: use a Mac" in missing.why
    assert not missing.skip


def test_a_case_that_only_compiles_needs_no_device() -> None:
    tools = toolchain.find(None, METAL)
    assert devices.probe(tools, METAL, ALL).hinders(COMPILE) is None
    assert devices.probe(tools, METAL, COMPILE).hindrance is None


def test_a_plug_in_that_the_compiler_lacks_is_a_reason_to_skip() -> None:
    missing = devices.probe(toolchain.find(None, AIE), AIE, COMPILE).hinders(COMPILE)
    assert missing is not None
    assert missing.skip
    assert missing.signature == "the compiler has no backend amd-aie: it lacks the plug-in nod-ai/iree-amd-aie"
    assert "llvm-cpu" in missing.why


def test_a_backend_that_released_compilers_have_is_no_reason_to_skip(tmp_path: pathlib.Path) -> None:
    missing = devices.probe(fake_tools(tmp_path, "exit 0"), METAL, COMPILE).hindrance
    assert missing is not None
    assert not missing.skip
    assert missing.signature == "the compiler has no backend metal-spirv"


def test_a_compiler_that_cannot_list_its_backends_is_believed(tmp_path: pathlib.Path) -> None:
    tools = fake_tools(tmp_path, "exit 0", compiler="echo 'Unknown command line argument' >&2; exit 1")
    assert devices.probe(tools, METAL, COMPILE).hindrance is None


def test_vulkan_without_a_driver_says_what_to_install() -> None:
    nowhere = msgspec.structs.replace(VULKAN, environment=(EnvVar("VK_DRIVER_FILES", "/nonexistent"),))
    missing = devices.probe(toolchain.find(None, nowhere), nowhere, ALL).hindrance
    assert missing is not None
    assert missing.signature == "no driver vulkan"
    assert "mesa-vulkan-drivers" in missing.why
    assert "VK_DRIVER_FILES" in missing.why


def test_vulkan_names_its_device() -> None:
    needs_vulkan()
    found = devices.probe(toolchain.find(None, VULKAN), VULKAN, ALL)
    assert found.hindrance is None
    assert found.device.startswith("vulkan: ")
    assert len(found.device) > len("vulkan: ")


def test_the_device_of_the_right_chip_is_named(tmp_path: pathlib.Path) -> None:
    found = hip(tmp_path, MI300)
    assert found == devices.Readiness(device="hip: AMD Instinct MI300X [gfx942:sramecc+:xnack-]")


@pytest.mark.parametrize(
    ("device", "says"),
    [
        ("hip://1", "the device is no gfx942"),
        ("hip://GPU-bb", "the device is no gfx942"),
        ("hip://2", "no device hip://2"),
        ("hip://GPU-cc", "no device hip://GPU-cc"),
        ("hip://0", None),
        ("hip://GPU-aa", None),
    ],
)
def test_the_device_that_is_meant(tmp_path: pathlib.Path, device: str, says: str | None) -> None:
    missing = hip(tmp_path, msgspec.structs.replace(MI300, device=device)).hindrance
    assert (missing and missing.signature) == says


def test_a_driver_without_a_device(tmp_path: pathlib.Path) -> None:
    missing = hip(tmp_path, MI300, "# Enumerated devices for driver 'hip'\n").hindrance
    assert missing is not None
    assert missing.signature == "no hip device"
    assert "/dev/kfd" in missing.why


def test_a_driver_that_hangs_is_not_waited_for(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "PATIENCE", 0.3)
    begun = time.monotonic()
    missing = devices.probe(fake_tools(tmp_path, "exec sleep 60"), MI300, ALL).hindrance
    assert time.monotonic() - begun < 10
    assert missing is not None
    assert missing.signature == "the driver hip does not answer"


def test_a_device_of_another_driver_is_the_targets_mistake() -> None:
    wrong = msgspec.structs.replace(MI300, device="cuda")
    with pytest.raises(UsageError, match="does not run on the device cuda") as caught:
        devices.probe(toolchain.find(None, wrong), wrong, ALL)
    assert "hip" in caught.value.remedy

"""A target's backend, chip and flags become the compiler's flags; real compilers take them."""

from __future__ import annotations

import pathlib
import subprocess

import pytest

from runner import toolchain
from runner.backends import BACKENDS, backend_of, compile_flags
from schemas.errors import UsageError
from schemas.target import Target
from suites.findings import Findings
from suites.targets import read_targets

ROOT = pathlib.Path(__file__).parent.parent
TARGETS = {name: each.target for name, each in read_targets(ROOT / "suites", Findings()).declared.items()}
ADD = """\
func.func @f(%a: tensor<4xf32>) -> tensor<4xf32> {
  %0 = arith.addf %a, %a : tensor<4xf32>
  return %0 : tensor<4xf32>
}
"""


def target(backend: str, device: str, chip: str | None = None) -> Target:
    return Target(name="t", backend=backend, device=device, runs_on=("x",), hosted=False, chip=chip)


@pytest.mark.parametrize(
    ("backend", "chip", "flags"),
    [
        ("llvm-cpu", None, ("--iree-hal-target-device=local", "--iree-hal-local-target-device-backends=llvm-cpu")),
        ("vmvx", None, ("--iree-hal-target-device=local", "--iree-hal-local-target-device-backends=vmvx")),
        ("vulkan-spirv", "rdna3", ("--iree-hal-target-device=vulkan", "--iree-vulkan-target=rdna3")),
        ("rocm", "gfx942", ("--iree-hal-target-device=hip", "--iree-rocm-target=gfx942")),
        ("cuda", "sm_80", ("--iree-hal-target-device=cuda", "--iree-cuda-target=sm_80")),
        ("metal-spirv", None, ("--iree-hal-target-device=metal",)),
        ("amd-aie", "npu4", ("--iree-hal-target-backends=amd-aie", "--iree-amdaie-target-device=npu4")),
    ],
)
def test_flags_of_a_backend(backend: str, chip: str | None, flags: tuple[str, ...]) -> None:
    assert compile_flags(target(backend, "", chip), ()) == flags


def test_a_flag_that_is_given_replaces_the_backends_own() -> None:
    rocm = target("rocm", "hip", "gfx942")
    assert compile_flags(rocm, ("--iree-rocm-target=gfx90a",)) == (
        "--iree-hal-target-device=hip",
        "--iree-rocm-target=gfx90a",
    )
    assert compile_flags(target("rocm", "hip"), ()) == ("--iree-hal-target-device=hip",)


def test_an_unknown_backend_is_a_usage_error_that_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match="no backend 'abacus'") as caught:
        backend_of(target("abacus", "beads"))
    assert "vulkan-spirv" in caught.value.remedy


def test_every_shipped_target_has_a_device_of_its_backends_drivers() -> None:
    for each in TARGETS.values():
        assert each.device.partition("://")[0] in backend_of(each).drivers, each.name
    assert {each.backend for each in TARGETS.values()} == set(BACKENDS), "every backend has a target"


@pytest.mark.parametrize("name", sorted(name for name, each in TARGETS.items() if not backend_of(each).plugin))
def test_the_compiler_takes_the_flags_of_every_shipped_target(name: str, tmp_path: pathlib.Path) -> None:
    each = TARGETS[name]
    source, compiled = tmp_path / "add.mlir", tmp_path / "add.vmfb"
    source.write_text(ADD)
    tool = toolchain.find(None, each).iree_compile
    flags = compile_flags(each, each.compile_flags)
    done = subprocess.run([tool, source, "-o", compiled, *flags], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert compiled.stat().st_size > 1000

"""What makes joined compilations quicker: said once, left out where the compiler does not know it."""

from __future__ import annotations

import os
import pathlib
import platform
import sys

import msgspec
import pytest

from runner import quick
from runner.fast.compiling import Compiler
from runner.fast.joining import Renamed
from tests.cache_support.build import FLAGS, tools

_FUNCTION = """\
func.func @{name}(%a: tensor<4xf32>) -> tensor<4xf32> {{
  %b = math.absf %a : tensor<4xf32>
  return %b : tensor<4xf32>
}}"""
#: A compiler from before the flag: it says of it what iree-compile says of flags that it does not know.
_OLDER = """\
#!{python}
import os, sys
for each in sys.argv[1:]:
    if each.startswith("{flag}"):
        sys.exit(f"iree-compile: Unknown command line argument '{{each}}'.  Try: 'iree-compile --help'")
with open("{starts}", "a") as file:
    file.write("started\\n")
os.execv("{tool}", ["{tool}", *sys.argv[1:]])
"""


def test_a_flag_of_the_cases_own_is_not_said_again() -> None:
    assert f"{quick.SYNCHRONOUS}=false" in quick.joining_flags(("--other",))
    assert quick.joining_flags((f"{quick.SYNCHRONOUS}=true", f"{quick.PLUGIN}=mine")) == ()


@pytest.mark.parametrize(
    ("flags", "kept"),
    [
        (("--iree-hal-target-device=local", "--iree-hal-local-target-device-backends=llvm-cpu"), set()),
        (("--iree-hal-target-device=vulkan", "--iree-vulkan-target=rdna3"), {"hal_target_vulkan_spirv"}),
        (("--iree-hal-target-device=hip", "--iree-rocm-target=gfx942"), {"hal_target_rocm"}),
        (("--iree-hal-target-device=cuda", "--iree-cuda-target=sm_80"), {"hal_target_cuda"}),
        (("--iree-hal-target-device=metal",), {"hal_target_metal_spirv"}),
    ],
)
def test_plugins_for_devices_that_no_flag_mentions_are_left_out(flags: tuple[str, ...], kept: set[str]) -> None:
    plugins = {"hal_target_cuda", "hal_target_metal_spirv", "hal_target_rocm", "hal_target_vulkan_spirv"}
    out = {flag for flag in quick.joining_flags(flags) if flag.startswith(quick.PLUGIN)}
    assert out == {f"{quick.PLUGIN}=-{each}" for each in plugins - kept}


@pytest.mark.parametrize(
    ("flags", "text", "kept"),
    [
        ((), '%0 = torch.operator "onnx.Abs"(%a)', set()),
        ((), "%0 = stablehlo.abs %a", {"input_stablehlo"}),
        ((), "%0 = chlo.erf %a", {"input_stablehlo"}),
        ((), "amdgpu.lds_barrier", set()),
        (("--iree-input-type=tosa",), "", {"input_tosa"}),
    ],
)
def test_plugins_for_dialects_that_nothing_mentions_are_left_out(
    flags: tuple[str, ...], text: str, kept: set[str]
) -> None:
    devices = quick.plugins_of(quick.joining_flags(flags))
    out = quick.unneeded_plugins(flags, text)
    assert set(out) - set(devices) == {f"{quick.PLUGIN}=-{each}" for each in {"input_stablehlo", "input_tosa"} - kept}
    assert set(devices) - set(out) == ({f"{quick.PLUGIN}=-hal_target_rocm"} if "amdgpu" in text else set())
    assert quick.plugins_of((*flags, *out)) == out
    assert quick.unneeded_plugins((*flags, f"{quick.PLUGIN}=mine"), text) == ()


@pytest.mark.slow
def test_an_older_compiler_compiles_without_the_flag(tmp_path: pathlib.Path) -> None:
    used = tools()
    older, starts = tmp_path / "iree-compile", tmp_path / "starts"
    older.write_text(
        _OLDER.format(python=sys.executable, flag=quick.SYNCHRONOUS, starts=starts, tool=used.iree_compile)
    )
    older.chmod(0o755)
    compiler = Compiler(msgspec.structs.replace(used, iree_compile=str(older)), FLAGS, tmp_path)
    left: list[int] = []
    for names in ("ab", "cd"):
        functions = [Renamed(f"{name}_", (_FUNCTION.format(name=f"{name}_f"),)) for name in names]
        (part,) = compiler.compile(functions, lambda number, _why, _refused: left.append(number), lambda: None)
        assert part.numbers == (0, 1)
        assert part.compiled.stat().st_size > 0
    assert left == []
    assert starts.read_text() == "started\n" * 4, "lowered and compiled, twice"


def test_another_allocator_is_used_for_a_while(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:

    library = tmp_path / f"{platform.machine()}-linux-gnu" / "libjemalloc.so.2"
    other = tmp_path / "another-linux-gnu" / "libjemalloc.so.2"
    library.parent.mkdir()
    other.parent.mkdir()
    other.touch()
    assert quick.allocator() != other
    library.touch()
    monkeypatch.delenv("LD_PRELOAD", raising=False)
    monkeypatch.setattr(quick, "_FOLDERS", (str(tmp_path / "none"), str(tmp_path)))
    monkeypatch.delenv("LLVM_DISABLE_SYMBOLIZATION", raising=False)
    with quick.quick_environment():
        assert os.environ["LD_PRELOAD"] == str(library)
        assert os.environ["LLVM_DISABLE_SYMBOLIZATION"] == "1"
    assert {"LD_PRELOAD", "LLVM_DISABLE_SYMBOLIZATION"}.isdisjoint(os.environ)
    monkeypatch.setenv("LD_PRELOAD", "theirs.so")
    with quick.quick_environment():
        assert os.environ["LD_PRELOAD"] == "theirs.so"
    assert os.environ["LD_PRELOAD"] == "theirs.so"


def test_a_machine_without_jemalloc_changes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    monkeypatch.delenv("LD_PRELOAD", raising=False)
    monkeypatch.setattr(quick, "_FOLDERS", (str(tmp_path),))
    assert quick.allocator() is None
    with quick.quick_environment():
        assert "LD_PRELOAD" not in os.environ

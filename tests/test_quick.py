"""What makes joined compilations quicker: said once, left out where the compiler does not know it."""

from __future__ import annotations

import os
import pathlib
import sys

import msgspec
import pytest

from runner import quick
from runner.fast.compiling import Compiler
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
    assert quick.joining_flags(("--other",)) == (f"{quick.SYNCHRONOUS}=false",)
    assert quick.joining_flags((f"{quick.SYNCHRONOUS}=true",)) == ()


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
        functions = [(_FUNCTION.format(name=name),) for name in names]
        (part,) = compiler.compile(functions, lambda number, _: left.append(number), lambda: None)
        assert part.numbers == (0, 1)
        assert part.compiled.stat().st_size > 0
    assert left == []
    assert starts.read_text() == "started\n" * 2


def test_another_allocator_is_used_for_a_while(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:

    library = tmp_path / "x86_64-linux-gnu" / "libjemalloc.so.2"
    library.parent.mkdir()
    library.touch()
    monkeypatch.delenv("LD_PRELOAD", raising=False)
    monkeypatch.setattr(quick, "_FOLDERS", (str(tmp_path / "none"), str(tmp_path)))
    with quick.quick_allocator():
        assert os.environ["LD_PRELOAD"] == str(library)
    assert "LD_PRELOAD" not in os.environ
    monkeypatch.setenv("LD_PRELOAD", "theirs.so")
    with quick.quick_allocator():
        assert os.environ["LD_PRELOAD"] == "theirs.so"
    assert os.environ["LD_PRELOAD"] == "theirs.so"


def test_a_machine_without_jemalloc_changes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    monkeypatch.delenv("LD_PRELOAD", raising=False)
    monkeypatch.setattr(quick, "_FOLDERS", (str(tmp_path),))
    assert quick.allocator() is None
    with quick.quick_allocator():
        assert "LD_PRELOAD" not in os.environ

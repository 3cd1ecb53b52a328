"""Modules are lowered once, however often those that the compiler refuses later are looked for among them."""

from __future__ import annotations

import pathlib
import sys

import msgspec
import pytest

from runner.fast.compiling import Compiler
from runner.fast.joining import rename
from tests.cache_support.build import FLAGS, tools

_MODULE = """\
module {{
  func.func @{name}(%a: tensor<{size}xf32>) -> tensor<{size}xf32> {{
    %b = math.absf %a : tensor<{size}xf32>
    return %b : tensor<{size}xf32>
  }}
}}
"""
#: The compiler, which notes its runs and, of what it gets lowered, refuses without a word what has a function `bad`.
_REFUSING = """\
#!{python}
import os, pathlib, sys
late = any(each.startswith("--compile-from") for each in sys.argv)
with open("{runs}", "a") as file:
    file.write("compile " if late else "lower ")
if late and "_bad" in pathlib.Path(sys.argv[1]).read_text():
    sys.exit(1)
os.execv("{tool}", ["{tool}", *sys.argv[1:]])
"""


@pytest.mark.slow
def test_the_halves_of_a_late_refusal_are_taken_from_what_is_lowered(tmp_path: pathlib.Path) -> None:
    used = tools()
    compiler, runs = tmp_path / "iree-compile", tmp_path / "runs"
    compiler.write_text(_REFUSING.format(python=sys.executable, runs=runs, tool=used.iree_compile))
    compiler.chmod(0o755)
    names = ["a", "b", "c", "d", "e", "f", "g", "bad"]
    modules = [rename(_MODULE.format(name=name, size=4 + n).encode(), f"m{n}_") for n, name in enumerate(names)]
    left: list[int] = []
    made = Compiler(msgspec.structs.replace(used, iree_compile=str(compiler)), FLAGS, tmp_path)
    parts = made.compile(modules, lambda number, _: left.append(number), lambda: None)
    assert sorted(each.numbers for each in parts) == [(0, 1, 2, 3), (4, 5), (6,)]
    assert left == [7]
    assert runs.read_text().split() == ["lower", *["compile"] * 7]
    for part in parts:
        functions = part.compiled.read_bytes()
        for number, name in enumerate(names):
            assert (f"m{number}_{name}".encode() in functions) is (number in part.numbers)
        assert 0 < part.share < 60

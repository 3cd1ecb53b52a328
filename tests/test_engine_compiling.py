"""Modules are lowered once, however often those that the compiler refuses later are looked for among them."""

from __future__ import annotations

import pathlib
import sys

import msgspec
import pytest

from runner.fast.compiling import Compiler
from runner.fast.joining import rename
from runner.fast.merging import MOST
from runner.work import Blame
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


def compiler(folder: pathlib.Path, script: str, flags: tuple[str, ...] = FLAGS) -> Compiler:
    """One that starts the script, which notes its runs in a file ``runs`` and may start the real compiler."""
    used, tool = tools(), folder / "iree-compile"
    tool.write_text(script.format(python=sys.executable, runs=folder / "runs", tool=used.iree_compile))
    tool.chmod(0o755)
    return Compiler(msgspec.structs.replace(used, iree_compile=str(tool)), flags, folder)


@pytest.mark.slow
def test_the_halves_of_a_late_refusal_are_taken_from_what_is_lowered(tmp_path: pathlib.Path) -> None:
    names = ["a", "b", "c", "d", "e", "f", "g", "bad"]
    modules = [rename(_MODULE.format(name=name, size=4 + n).encode(), f"m{n}_") for n, name in enumerate(names)]
    left: list[int] = []
    made = compiler(tmp_path, _REFUSING)
    parts = made.compile(modules, lambda number, _why, _refused: left.append(number), lambda: None)
    assert sorted(each.numbers for each in parts) == [(0, 1, 2, 3), (4, 5), (6,)]
    assert left == [7]
    assert (tmp_path / "runs").read_text().split() == ["lower", *["compile"] * 7]
    for part in parts:
        functions = part.compiled.read_bytes()
        for number, name in enumerate(names):
            assert (f"m{number}_{name}".encode() in functions) is (number in part.numbers)
        assert 0 < part.share < 60


#: Passes the compiler, and not its linker: no library has the function.
_UNLINKED = """\
module {{
  func.func @{name}(%a: tensor<{size}xf64>) -> tensor<{size}xf64> {{
    %b = arith.remf %a, %a : tensor<{size}xf64>
    return %b : tensor<{size}xf64>
  }}
}}
"""
NATIVE = (
    "--iree-hal-target-device=local",
    "--iree-hal-local-target-device-backends=llvm-cpu",
    "--iree-llvmcpu-target-cpu=generic",
    "--iree-input-demote-f64-to-f32=false",
)
_RUNNING = """\
#!{python}
import os, sys
with open("{runs}", "a") as file:
    file.write("lower " if any(each.startswith("--compile-to=") for each in sys.argv) else "compile ")
os.execv("{tool}", ["{tool}", *sys.argv[1:]])
"""


@pytest.mark.slow
def test_of_a_call_that_the_linker_names_each_module_is_tried_by_itself(tmp_path: pathlib.Path) -> None:
    """All, then that call's modules apart, without the one that the linker names then, and the other call's."""
    names = [*"abcdefghijk", "unlinked", *"lmno"]
    texts = [_UNLINKED if name == "unlinked" else _MODULE for name in names]
    modules = [
        rename(text.format(name=name, size=4 + n).encode(), f"m{n}_")
        for n, (name, text) in enumerate(zip(names, texts, strict=True))
    ]
    left: list[tuple[int, Blame]] = []
    made = compiler(tmp_path, _RUNNING, flags=NATIVE)
    everyone = range(len(modules))
    parts = made.compile(modules, lambda n, _why, blame: left.append((n, blame)), lambda: None, merge=everyone)
    assert left == [(11, Blame.LATE)]
    assert [(each.numbers, len(each.calls)) for each in parts] == [
        (tuple(each for each in everyone if each >= MOST and each != 11), 0),
        (tuple(range(MOST)), 1),
    ]
    assert (tmp_path / "runs").read_text().split() == ["lower", *["compile"] * 4]


#: The compiler, which refuses without a word what has a function `mute`, and says little of a function `shy`.
_SAYING_LITTLE = """\
#!{python}
import os, pathlib, sys
said = pathlib.Path(sys.argv[1]).read_text()
with open("{runs}", "a") as file:
    file.write("lower ")
if "_mute" in said:
    sys.exit(1)
if "_shy" in said:
    line = 1 + next(at for at, each in enumerate(said.splitlines()) if "@" in each and "_shy" in each)
    sys.stderr.write(f"{{sys.argv[1]}}:{{line}}:3: error: unimplemented\\n")
    sys.exit(1)
os.execv("{tool}", ["{tool}", *sys.argv[1:]])
"""
_REFUSED = """\
module {{
  func.func @{name}(%a: !torch.vtensor<[{size}],f32>) -> !torch.vtensor<[{size}],f32> {{
    %b = torch.operator "onnx.Nonsense"(%a) : (!torch.vtensor<[{size}],f32>) -> !torch.vtensor<[{size}],f32>
    return %b : !torch.vtensor<[{size}],f32>
  }}
}}
"""


@pytest.mark.slow
def test_refusals_are_heard_of_although_the_compiler_says_little_of_others(tmp_path: pathlib.Path) -> None:
    names = ["a", "shy", "b", "c", "mute", "d", "e"]
    modules = [rename(_REFUSED.format(name=name, size=4 + n).encode(), f"m{n}_") for n, name in enumerate(names)]
    made = compiler(tmp_path, _SAYING_LITTLE)
    told = made.refused(modules, "m.mlir", lambda: None)
    assert {names[each] for each in told} <= {"a", "b", "c", "d", "e"}
    assert len(told) >= 3, "whoever remains as the last of a half is run alone"
    for number, each in told.items():
        assert each.said.startswith("m.mlir:3:"), each.said
        assert "failed to legalize" in each.said
        assert "IR Dump" not in each.said
        assert f"vtensor<[{4 + number}],f32>" in each.said

"""Two compilers at a time, each with half of a case's operations: what one of them does costs the other's nothing."""

from __future__ import annotations

import os
import pathlib
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner import quick, toolchain
from runner.ops import together
from runner.ops.parts import compilers, divided
from runner.ops.together import Compilation, compile_all
from runner.work import Work
from schemas.ops import OpResult
from tests.ops_support.chains import MANY, chain, counts
from tests.ops_support.suite import OpSuite
from tests.stages_support.cases import CPU, a_case, a_job

GIB = 1 << 30
#: Runs the real compiler, and says when it began and ended with which joined module; or does what a fault asks for.
_COMPILER = """\
#!{python} -S
import os, subprocess, sys, time
joined = next((each.split("/")[-2] for each in sys.argv[1:] if each.endswith("/joined.mlirbc")), "")
if not joined:
    os.execv("{tool}", ["{tool}", *sys.argv[1:]])
def say(what):
    with open("{log}", "a") as file:
        file.write(f"{{joined}} {{what}} {{time.monotonic()}}\\n")
say("began")
{fault}
code = subprocess.call(["{tool}", *sys.argv[1:]])
say("ended")
sys.exit(code)
"""
_FAULTS = {
    "none": "",
    "first": "if joined == 'joined-0': os.kill(os.getpid(), 11)",
    "both": "if joined in ('joined-0', 'joined-1'): os.kill(os.getpid(), 11)",
    "older": f"if any(each.startswith('{quick.SYNCHRONOUS}') for each in sys.argv):\n"
    f"    sys.exit(\"iree-compile: Unknown command line argument '{quick.SYNCHRONOUS}=false'.\")",
    "hang": "if joined == 'joined-0': time.sleep(3600)",
}


class Compilers:
    """A tree of tools whose compiler has a fault, and what became of a walk with it."""

    def __init__(self, root: pathlib.Path, fault: str) -> None:
        tools, (folder, self.log) = toolchain.find(None, CPU), (root / "iree" / "bin", root / "calls")
        folder.mkdir(parents=True)
        for each in (tools.iree_opt, tools.iree_run_module, tools.library):
            (folder / pathlib.Path(each).name).symlink_to(each)
        made = folder / "iree-compile"
        text = _COMPILER.format(python=sys.executable, tool=tools.iree_compile, log=self.log, fault=_FAULTS[fault])
        made.write_text(text)
        made.chmod(0o755)
        self.suite = OpSuite(root / "suite", memory="4GiB")
        self.suite.model("many", chain(ops=MANY), settings="op-timeout: 5s" if fault == "hang" else "")
        self.suite.walk("many", options=["--compiler", str(folder.parent)])

    @property
    def results(self) -> dict[str, OpResult]:
        return self.suite.results("many")

    @property
    def spans(self) -> dict[str, dict[str, float]]:
        """By joined module, when its compilation began and ended."""
        found: dict[str, dict[str, float]] = {}
        for line in self.log.read_text().splitlines():
            name, what, when = line.split()
            found.setdefault(name, {})[what] = float(when)
        return found


@pytest.mark.slow
@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one processor has one compiler")
@pytest.mark.parametrize(("fault", "runs"), [("none", 2), ("first", 4), ("both", 6), ("older", 4)])
def test_what_a_compiler_fails_with_is_tried_again_in_parts(tmp_path: pathlib.Path, fault: str, runs: int) -> None:
    found = Compilers(tmp_path, fault)
    assert len(found.results) == len(MANY)
    assert all(each.verified for each in found.results.values())
    assert sum(counts(found.suite, "many")) == len(MANY)
    spans = found.spans
    assert set(spans) == {f"joined-{number}" for number in range(runs)}
    first, second = (spans[f"joined-{number}"] for number in range(runs - 2, runs))
    assert max(first["began"], second["began"]) < min(first["ended"], second["ended"])


@pytest.mark.slow
def test_a_compiler_that_hangs_ends_the_batch_and_no_operation(tmp_path: pathlib.Path) -> None:
    found = Compilers(tmp_path, "hang")
    assert len(found.results) == len(MANY)
    assert all(each.verified for each in found.results.values())
    assert counts(found.suite, "many") == (0, 0)


def test_what_cannot_be_started_costs_the_other_nothing(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def compile_module(work: Work, *_: object) -> pathlib.Path:
        if work.folder.name == "full":
            raise OSError(28, "No space left on device")
        return work.folder

    monkeypatch.setattr(together.iree, "compile_module", compile_module)
    some = [_compilation(tmp_path / name) for name in ("full", "good")]
    compile_all(some)
    assert isinstance(some[0].error, OSError)
    assert some[0].compiled is None
    assert (some[1].error, some[1].compiled) == (None, tmp_path / "good")


def _compilation(folder: pathlib.Path) -> Compilation:
    job = a_job(folder, folder / "model.onnx", a_case(), toolchain=toolchain.find(None, CPU))
    frontend: Any = None  # no compilation asks for it
    return Compilation((0,), {0: "main"}, Work(job=job, frontend=frontend, folder=folder), ())


@given(st.integers(0, 100), st.integers(1, 4))
def test_parts_have_each_operation_once_and_are_alike_in_size(count: int, most: int) -> None:
    parts = divided(range(count), most)
    assert sorted(each for part in parts for each in part) == list(range(count))
    assert len(parts) == max(1, min(most, count // 8))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize(
    ("processors", "memory", "count"),
    [(1, 64 * GIB, 1), (2, 4 * GIB, 2), (64, 4 * GIB, 2), (2, GIB, 1), (2, GIB // 2, 1)],
)
def test_a_second_compiler_wants_a_processor_and_memory(
    monkeypatch: pytest.MonkeyPatch, processors: int, memory: int, count: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(processors)))
    assert compilers(memory) == count

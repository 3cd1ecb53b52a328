from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import msgspec
import pytest
from onnx import TensorProto, helper

from runner import provenance, toolchain
from runner.backends import compile_flags
from schemas.errors import CannotStartError, UsageError
from tests.stages_support.cases import CPU, a_case, a_job, a_model, run


@pytest.fixture
def tree(tmp_path: pathlib.Path) -> pathlib.Path:
    """A build tree: links to the package's natives, with the library beside them, where the loader looks for it."""
    found = toolchain.find(None, CPU)
    tools = tmp_path / "build" / "tools"
    tools.mkdir(parents=True)
    for path in (found.iree_compile, found.iree_opt, found.iree_run_module, found.library):
        (tools / pathlib.Path(path).name).symlink_to(path)
    return tmp_path / "build"


def test_the_package_is_found_without_importing_it() -> None:
    lean = (
        "import sys; from runner import toolchain; from schemas.target import Target;"
        "found = toolchain.find(None, Target(name='c', backend='b', device='d', runs_on=('x',), hosted=True));"
        "print(found.iree_compile, found.origin, any(m in sys.modules for m in ('onnx', 'numpy', 'iree.compiler')))"
    )
    said = subprocess.run([sys.executable, "-c", lean], capture_output=True, text=True, check=True).stdout.split()
    assert pathlib.Path(said[0]).is_file()
    assert said[1:] == ["package", "False"]


@pytest.mark.parametrize("inside", ["build", "build/tools"])
def test_a_build_tree_runs_a_case(tree: pathlib.Path, tmp_path: pathlib.Path, inside: str) -> None:
    found = toolchain.find(str(tree.parent / inside), CPU)
    assert found.origin == "--compiler"
    assert pathlib.Path(found.iree_compile).parent == tree / "tools"
    node = helper.make_node("Relu", ["x"], ["y"])
    model = a_model(tmp_path / "m.onnx", [node], [("x", TensorProto.FLOAT, [2])], [("y", TensorProto.FLOAT, [2])])
    _, stages, _ = run(a_job(tmp_path / "job", model, a_case(), toolchain=found))
    assert len(stages) == 9


def test_an_install_tree_keeps_its_library_in_lib(tree: pathlib.Path) -> None:
    root = tree.parent / "install"
    (root / "lib").mkdir(parents=True)
    (tree / "tools" / "libIREECompiler.so").rename(root / "lib" / "libIREECompiler.so")
    (tree / "tools").rename(root / "bin")
    found = toolchain.find(str(root), CPU)
    assert pathlib.Path(found.library) == root / "lib" / "libIREECompiler.so"
    assert pathlib.Path(toolchain.find(str(root / "bin"), CPU).library) == root / "lib" / "libIREECompiler.so"


def test_a_targets_toolchain_is_expanded(tree: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IREE_BUILD", str(tree))
    target = msgspec.structs.replace(CPU, toolchain="$IREE_BUILD")
    assert toolchain.find(None, target).origin == "toolchain:"
    assert toolchain.find(str(tree), target).origin == "--compiler"


def test_what_is_missing_is_told_with_every_place(tree: pathlib.Path) -> None:
    with pytest.raises(CannotStartError, match="there is no folder"):
        toolchain.find(str(tree / "nope"), CPU)
    (tree / "tools" / "iree-opt").unlink()
    with pytest.raises(CannotStartError) as caught:
        toolchain.find(str(tree), CPU)
    for place in ("iree-opt", "tools/iree-opt", "bin/iree-opt", "install/bin/iree-opt"):
        assert f"{tree / place}\n" in f"{caught.value}\n"
    assert "iree-compile, iree-opt and iree-run-module" in caught.value.remedy


def test_a_tool_without_the_right_to_run_is_told(tree: pathlib.Path) -> None:
    (tree / "tools" / "iree-opt").unlink()
    (tree / "tools" / "iree-opt").write_text("no program")
    with pytest.raises(CannotStartError, match="chmod"):
        toolchain.find(str(tree), CPU)


def test_an_unknown_backend_is_a_usage_error_and_given_flags_win() -> None:
    with pytest.raises(UsageError, match="llvm-cpu"):
        compile_flags(msgspec.structs.replace(CPU, backend="abacus"), ())
    given = ("--iree-hal-target-device=local", "--x=1")
    assert compile_flags(CPU, given) == ("--iree-hal-local-target-device-backends=llvm-cpu", *given)


def test_provenance_names_builds_host_and_commit(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("E2ESHARD_STORE", str(tmp_path))
    monkeypatch.setenv("GITHUB_RUN_ID", "42")
    monkeypatch.setenv("GITHUB_RUN_ATTEMPT", "3")
    found = provenance.collect(toolchain.find(None, CPU), CPU.device)
    tools = {tool.name: tool for tool in found.tools}
    assert len(tools["iree-compile"].sha256) == 64
    assert len(tools["iree-compile"].build) == 40
    assert tools["iree-compile"].build == tools["iree-run-module"].build
    assert {"python", "onnx", "onnxruntime", "numpy", "e2eshard"} <= set(tools)
    assert found.host.cores == os.cpu_count()
    assert found.host.memory > 2**28
    assert (found.run_id, found.attempt, found.device) == ("42", 3, "local-task")
    assert len(found.commit.removesuffix("+dirty")) == 40
    (memo,) = (tmp_path / "hashes").glob("libIREECompiler.so-*.json")
    cached = json.loads(memo.read_text())
    assert cached["sha256"] == tools["iree-compile"].sha256
    again = provenance.collect(toolchain.find(None, CPU), CPU.device)
    assert again.tools == found.tools


def test_a_changed_library_is_hashed_again(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("E2ESHARD_STORE", str(tmp_path / "store"))
    library = tmp_path / "libIREECompiler.so"
    library.write_bytes(b"one")
    tools = msgspec.structs.replace(toolchain.find(None, CPU), library=str(library))
    first = provenance.collect(tools, CPU.device).tools[0].sha256
    library.write_bytes(b"two")
    os.utime(library, ns=(1, 1))
    assert provenance.collect(tools, CPU.device).tools[0].sha256 != first


def test_outside_a_repository_the_commit_is_githubs(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("E2ESHARD_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("GITHUB_SHA", "f" * 40)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert provenance.collect(toolchain.find(None, CPU), CPU.device).commit == "f" * 40


def test_a_compiler_that_does_not_start_cannot_start(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("E2ESHARD_STORE", str(tmp_path / "store"))
    broken = tmp_path / "iree-compile"
    broken.write_text("#!/bin/sh\necho 'libIREECompiler.so: cannot open' >&2\nexit 127\n")
    broken.chmod(0o755)
    tools = msgspec.structs.replace(toolchain.find(None, CPU), iree_compile=str(broken))
    with pytest.raises(CannotStartError, match="cannot open"):
        provenance.collect(tools, CPU.device)

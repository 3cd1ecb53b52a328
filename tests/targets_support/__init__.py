"""Runtimes and compilers that say what a test wants them to say, and the command line on a small suites folder."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

from runner import devices, toolchain
from runner.protocol import Toolchain
from schemas.target import Target
from schemas.words import Stage

ROOT = pathlib.Path(__file__).resolve().parents[2]
VULKAN = Target(name="vulkan", backend="vulkan-spirv", device="vulkan", runs_on=("x",), hosted=True)
BACKENDS = "Registered target backends:\n  llvm-cpu\n  rocm\n  vulkan-spirv\n"


def program(path: pathlib.Path, body: str) -> str:
    """A shell script in the place of a tool."""
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def fake_tools(folder: pathlib.Path, runtime: str, compiler: str = f"printf '{BACKENDS}'") -> Toolchain:
    """Tools whose every answer is that of a shell command."""
    return Toolchain(
        iree_compile=program(folder / "iree-compile", compiler),
        iree_opt="",
        iree_run_module=program(folder / "iree-run-module", runtime),
        library="",
        origin="package",
    )


def needs_vulkan() -> None:
    """Skip the calling test, with the machine's own reason, where no Vulkan device is found."""
    missing = devices.probe(toolchain.find(None, VULKAN), VULKAN, (Stage.COMPILED_INFERENCE,)).hindrance
    if missing is not None:
        pytest.skip(missing.why)


def python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """``python -m …`` in the repository's folder, as outside a workflow."""
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        env=os.environ | {"GITHUB_ACTIONS": "", "CI": ""} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

#!/usr/bin/env python3
"""Turns the inputs of the setup action, taken from the environment, into calls of pip and apt-get.

Standard library only: it runs before anything is installed.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

COMPILER = ("iree-base-compiler", "iree-base-runtime")
VERSION = re.compile(r"\d+(\.\d+)*((a|b|rc)\d+)?(\.post\d+)?(\.dev\d+)?(\+[a-z0-9]+(\.[a-z0-9]+)*)?")
PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.:-]*")
EXTRA = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
INDEX = re.compile(r"(https|file)://[^\s@]+")
PIP = (sys.executable, "-P", "-m", "pip", "install", "--disable-pip-version-check", "--no-input")


def main() -> int:
    """Packages first: a wheel may need a library that they bring."""
    packages = os.environ.get("PACKAGES", "").split()
    extras = os.environ.get("EXTRAS", "").split()
    version = os.environ.get("COMPILER_VERSION", "")
    index = os.environ.get("TORCH_INDEX", "")
    for value, pattern, meant in [
        *((package, PACKAGE, "the name of a Debian package") for package in packages),
        *((extra, EXTRA, "the name of an extra") for extra in extras),
        *([(version, VERSION, "one exact version")] if version else []),
        *([(index, INDEX, "the https address of a package index")] if index else []),
    ]:
        if not pattern.fullmatch(value):
            print(f"::error::setup: {value!r} is not {meant}")
            return 2
    if packages:
        install_packages(packages)
    if requirements := os.environ.get("REQUIREMENTS", ""):
        install(Path(requirements), extras, index)
    if version:
        run([*PIP, "--no-deps", *(f"{name}=={version}" for name in COMPILER)])
    return 0


def install(requirements: Path, extras: list[str], index: str) -> None:
    """The base, and of each extra the file beside it; what has no hashes comes last, and finds the rest there."""
    hashes = ["--require-hashes"] if os.environ.get("HASHES") == "required" else []
    files = [requirements, *(requirements.parent / f"{extra}.txt" for extra in extras)]
    for file in files:
        if not file.is_file():
            print(f"::error::setup: there is no {file}, which would say what to install")
            sys.exit(2)
    run([*PIP, *hashes, *(part for file in files for part in ("--requirement", str(file)))])
    if "torch" in extras:
        # Each index has its own builds of torch, hence other hashes: for CPUs, for CUDA, for ROCm.
        chosen = ["--index-url", index] if index else []
        run([*PIP, *chosen, "--requirement", str(requirements.parent / "torch-version.txt")])


def install_packages(packages: list[str]) -> None:
    """In a container we are root; on a hosted machine sudo asks nothing."""
    as_root = [] if os.geteuid() == 0 else ["sudo"]
    run([*as_root, "apt-get", "update", "--quiet"])
    run([*as_root, "apt-get", "install", "--quiet", "--yes", "--no-install-recommends", *packages])


def run(command: list[str]) -> None:
    """Shows a command and runs it; its failure ends the step with its exit code."""
    print("+", *command, flush=True)
    done = subprocess.run(command, check=False)
    if done.returncode:
        sys.exit(done.returncode)


if __name__ == "__main__":
    sys.exit(main())

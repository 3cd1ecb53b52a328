#!/usr/bin/env python3
"""Turns the inputs of the setup action, taken from the environment, into calls of pip and apt-get.

Standard library only: it runs before anything is installed.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys

COMPILER = ("iree-base-compiler", "iree-base-runtime")
VERSION = re.compile(r"\d+(\.\d+)*((a|b|rc)\d+)?(\.post\d+)?(\.dev\d+)?(\+[a-z0-9]+(\.[a-z0-9]+)*)?")
PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.:-]*")
PIP = (sys.executable, "-P", "-m", "pip", "install", "--disable-pip-version-check", "--no-input")


def main() -> int:
    """Packages first: a wheel may need a library that they bring."""
    packages = os.environ.get("PACKAGES", "").split()
    version = os.environ.get("COMPILER_VERSION", "")
    for value, pattern in [*((package, PACKAGE) for package in packages), *([(version, VERSION)] if version else [])]:
        if not pattern.fullmatch(value):
            print(f"::error::setup: {value!r} is neither a Debian package nor one exact version")
            return 2
    if packages:
        install_packages(packages)
    hashes = ["--require-hashes"] if os.environ.get("HASHES") == "required" else []
    run([*PIP, *hashes, "--requirement", os.environ["REQUIREMENTS"]])
    if version:
        run([*PIP, "--no-deps", *(f"{name}=={version}" for name in COMPILER)])
    return 0


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

"""Turns this machine's Node into one that has the packages of tests/actions, or into a skip that says why not."""

import fcntl
import json
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

ACTIONS = Path(__file__).parent.parent / "actions"
OLDEST = (20, 11)


@cache
def node() -> str:
    """The path of a usable Node; skips the calling test where there is none."""
    problem = _absent()
    if problem:
        pytest.skip(problem)
    _install_packages()
    found = shutil.which("node")
    assert found
    return found


def _absent() -> str | None:
    found = shutil.which("node")
    if not found:
        return "Node is not installed: the workflow linters and the local executor need Node 20.11 or newer"
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if tuple(int(part) for part in version.removeprefix("v").split(".")[:2]) < OLDEST:
        return f"Node {version} is too old: the workflow linters and the local executor need Node 20.11 or newer"
    if not shutil.which("npm"):
        return "npm is not installed: the workflow linters and the local executor need their pinned packages"
    return None


def _install_packages() -> None:
    """Installs the pinned packages unless they are there already; parallel test workers wait for the first."""
    with (ACTIONS / ".install.lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if _installed():
            return
        done = subprocess.run(["npm", "ci"], cwd=ACTIONS, capture_output=True, text=True, check=False)
        if done.returncode:
            # A broken lock file must not read as "Node is absent": that is a failure, not a skip.
            pytest.fail(f"npm ci failed in {ACTIONS.name}:\n{done.stderr[-2000:]}")


def _installed() -> bool:
    """Whether what npm noted down at its last installation is what the lock file asks for."""
    noted = ACTIONS / "node_modules" / ".package-lock.json"
    if not noted.exists():
        return False
    wanted = json.loads((ACTIONS / "package-lock.json").read_text())["packages"]
    found = json.loads(noted.read_text())["packages"]
    required = {name: each["version"] for name, each in wanted.items() if name and not each.get("optional")}
    return required.items() <= {name: each["version"] for name, each in found.items()}.items()

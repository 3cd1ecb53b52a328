"""Turns the checkout into a wheel, and the wheel into an environment; nothing is downloaded."""

import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def build_wheel(folder: Path) -> Path:
    """The wheel of the working tree."""
    _run(sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", str(folder), str(ROOT))
    (wheel,) = folder.glob("*.whl")
    return wheel


def make(folder: Path, wheel: Path) -> Path:
    """The Python of a new environment that has the wheel, and this one's packages without this checkout."""
    _run(sys.executable, "-m", "venv", "--without-pip", str(folder))
    # A folder that a .pth file names is searched for packages, but its own .pth files, the checkout's, are not read.
    (site_packages(folder) / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    python = folder / "bin" / "python"
    install = ["install", "--quiet", "--disable-pip-version-check", "--no-index", "--no-deps", "--ignore-installed"]
    _run(str(python), "-m", "pip", *install, str(wheel))
    return python


def site_packages(folder: Path) -> Path:
    """Where an environment's packages lie."""
    return folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"


def call(python: Path, *arguments: str, folder: Path, code: int = 0) -> str:
    """What `python ARGUMENTS` says in `folder`; it must end with `code`."""
    done = subprocess.run([python, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == code, f"{arguments} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}:\n{done.stdout}{done.stderr}"

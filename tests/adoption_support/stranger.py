"""A repository whose packages bear the names of our rooms, and of libraries that we use."""

import subprocess
from pathlib import Path

#: Whoever imports one of these by mistake ends here.
TRAP = "raise RuntimeError(f'{__name__} of the stranger was imported')\n"
TRAPS = ("runner/__init__.py", "results.py", "schemas/__init__.py", "onnx/__init__.py", "select.py")


def make(root: Path) -> Path:
    """Writes the repository; returns it."""
    for name in TRAPS:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(TRAP)
    (root / "README.md").write_text("# A compiler\n")
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    return root

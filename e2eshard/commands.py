"""Names of programs become command lines, for a child process or a person; and what is in the way of short ones."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.machinery import PathFinder
from pathlib import Path

from e2eshard.start import ROOMS, rooms


def child(module: str, *arguments: str) -> list[str]:
    """The command that starts one of CHILDREN from any folder, whatever is installed or lies there.

    By its path, and without Python's own entry for the script's folder: neither depends on what is importable here.
    """
    return [sys.executable, "-P", str(Path(__file__).resolve().with_name("__main__.py")), module, *arguments]


def command(program: str) -> list[str]:
    """How a person starts ``program`` here, for texts to be copied: the way that this process was started."""
    started = Path(sys.argv[0])
    entrance = started.parent.name if started.name == "__main__.py" else started.stem
    return ["python", "-m", *(["e2eshard"] if entrance == "e2eshard" else []), program]


def shadowed(folder: Path) -> Iterator[tuple[str, str]]:
    """The rooms that ``python -m ROOM`` would not find in ``folder``, each with what is found instead."""
    # Our own processes have the rooms first; other people's do not.
    path = [str(folder), *(entry for entry in sys.path if entry != rooms()), rooms()]
    for room in ROOMS:
        spec = PathFinder.find_spec(room, path)
        origin = spec.origin if spec else None
        if origin is None:  # none at all, or a folder without Python code
            yield room, "nothing"
        elif not Path(origin).resolve().is_relative_to(rooms()):
            yield room, origin

"""A program's name becomes its run: the rooms are put first on the import path, the current folder last.

The rooms are packages with everyday names (`runner`, `results`, …). A checkout has them at its top; the wheel has them
in `e2eshard/rooms`, which a `.pth` file adds to the end of the path, so that an environment's own packages of these
names keep theirs. In our processes it is the other way round: ours come first, and nothing that happens to lie in the
current folder (a `runner/`, an `onnx/`, a `select.py`) is taken for a room or a library. Standard library only.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from importlib.machinery import PathFinder
from pathlib import Path
from types import MappingProxyType
from typing import Any

ROOMS = ("schemas", "suites", "generator", "runner", "results")

#: What a person starts, and the module whose ``main(argv)`` it is.
PROGRAMS = MappingProxyType({room: f"{room}.cli" for room in ("generator", "runner", "results")})

#: What the runner starts.
CHILDREN = ("runner.prepare", "runner.zygote")

_HERE = Path(__file__).resolve().parent


def rooms() -> Path:
    """The folder that holds the rooms: in a checkout the one beside which this file's package stands."""
    inside = _HERE / "rooms"
    return inside if inside.is_dir() else _HERE.parent


def arrange_path() -> None:
    """Put the rooms first on ``sys.path`` and the current folder last."""
    first, last = str(rooms()), os.getcwd()  # noqa: PTH109  # as Python itself writes it into sys.path
    between = [entry for entry in sys.path if entry not in ("", first, last)]
    sys.path[:] = [first, *between, *([last] if last != first else [])]


def start(program: str, argv: Sequence[str] | None = None) -> int:
    """Run a program of PROGRAMS or CHILDREN in this process; its exit code. ``argv``: by default its arguments."""
    arrange_path()
    module: Any = importlib.import_module(PROGRAMS.get(program, program))
    code: int = module.main(argv)
    return code


def child(module: str, *arguments: str) -> list[str]:
    """The command that starts one of CHILDREN from any folder, whatever is installed or lies there.

    By its path, and without Python's own entry for the script's folder: neither depends on what is importable here.
    """
    return [sys.executable, "-P", str(_HERE / "__main__.py"), module, *arguments]


def command(program: str) -> list[str]:
    """How a person starts ``program`` here, for texts to be copied: the way that this process was started."""
    started = Path(sys.argv[0])
    entrance = started.parent.name if started.name == "__main__.py" else started.stem
    return ["python", "-m", *(["e2eshard"] if entrance == "e2eshard" else []), program]


def shadowed(folder: Path) -> Iterator[tuple[str, str]]:
    """The rooms that ``python -m ROOM`` would not find in ``folder``, each with what is found instead."""
    ours = rooms()
    for room in ROOMS:
        spec = PathFinder.find_spec(room, [str(folder), *sys.path])
        origin = spec.origin if spec else None
        if spec is None or origin is None:  # nothing, or a folder without Python code
            yield room, "nothing"
        elif not Path(origin).resolve().is_relative_to(ours):
            yield room, origin

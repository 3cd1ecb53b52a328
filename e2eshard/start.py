"""A program's name becomes its run: the rooms are put first on the import path, the current folder last.

The rooms are packages with everyday names (`runner`, `results`, …). A checkout has them at its top; the wheel has them
in `e2eshard/rooms`, which a `.pth` file adds to the end of the path, so that an environment's own packages of these
names keep theirs. In our processes it is the other way round: ours come first, and nothing that happens to lie in the
current folder (a `runner/`, an `onnx/`, a `select.py`) is taken for a room or a library. Hence the short list of
imports: what is imported here still meets the path as Python made it.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any

ROOMS = ("schemas", "suites", "generator", "runner", "results")

#: What a person starts, each the function ``main(argv)`` of its room's ``cli``.
PROGRAMS = ("generator", "runner", "results")

#: What the runner starts, each a module with ``main(argv)``.
CHILDREN = (
    "runner.prepare",
    "runner.zygote",
    "runner.ortep.host",
    "runner.emit_form",
    "runner.frontends.stablehlo_evaluator",
)

#: Objects after which Python looks for unused cycles. Suites and records are many objects without one: with its own
#: number, 700, a tenth of a short run is such a search.
_ALLOCATIONS = 20_000

_HERE = os.path.dirname(os.path.realpath(__file__))  # noqa: PTH120  # pathlib is not to be imported yet


def rooms() -> str:
    """The folder that holds the rooms: in a checkout, the one that holds this package too."""
    inside = os.path.join(_HERE, "rooms")  # noqa: PTH118
    return inside if os.path.isdir(inside) else os.path.dirname(_HERE)  # noqa: PTH112, PTH120


def arrange_path() -> None:
    """Put the rooms first on ``sys.path`` and the current folder last."""
    first, last = rooms(), os.getcwd()  # noqa: PTH109
    between = [entry for entry in sys.path if entry not in ("", first, last)]
    sys.path[:] = [first, *between, *([last] if last != first else [])]


def start(program: str, argv: Sequence[str] | None = None) -> int:
    """Run one of PROGRAMS or CHILDREN in this process; its exit code. ``argv``: by default its arguments."""
    arrange_path()
    if program in PROGRAMS:  # what a case leaves in cycles may be large
        gc.set_threshold(_ALLOCATIONS)
    module: Any = importlib.import_module(f"{program}.cli" if program in PROGRAMS else program)
    code: int = module.main(argv)
    return code

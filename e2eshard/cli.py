"""The command line of ``e2eshard`` turned into the program it names, or into help that knows this folder."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from e2eshard.commands import shadowed
from e2eshard.start import CHILDREN, PROGRAMS, start

_USAGE = 2  # schemas.errors.Exit.USAGE
_HELP = """\
usage: python -m e2eshard PROGRAM [ARGUMENT ...]
       e2eshard PROGRAM [ARGUMENT ...]

  generator   suites become matrices and workflows; `generator init` starts with suites in another repository
  runner      cases become records
  results     records become reports

Each has --help; --version tells ours. `python -m generator` is short for `python -m e2eshard generator`, and so on, as
long as neither the current folder nor the environment has something else of that name.

example: python -m e2eshard generator init --help"""


def main(argv: Sequence[str]) -> int:
    """Run one program; returns its exit code."""
    program = argv[0] if argv else "--help"
    if program in PROGRAMS or program in CHILDREN:
        return start(program, argv[1:])
    if program == "--version":
        print(f"e2eshard {metadata.version('e2eshard')}")
        return 0
    if program in ("-h", "--help"):
        print(_HELP, *_notes(), sep="\n")
        return 0 if argv else _USAGE
    close = difflib.get_close_matches(program, PROGRAMS, 1)
    hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(PROGRAMS)}"
    print(f"error: e2eshard has no program {program!r}\n    mend: {hint}", file=sys.stderr)
    return _USAGE


def _notes() -> list[str]:
    """What is in the way of the short form here."""
    found = [(room, instead) for room, instead in shadowed(Path.cwd()) if room in PROGRAMS]
    notes = [f"here, `python -m {room}` finds {instead}: write `python -m e2eshard {room}`" for room, instead in found]
    return ["", *notes] if notes else []

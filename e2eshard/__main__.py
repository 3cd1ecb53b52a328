"""``python -m e2eshard PROGRAM …``: the generator, the runner or the results of this installation, from any folder."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

if not __package__:  # the runner's children are started by the path of this file
    sys.path.append(str(Path(__file__).resolve().parent.parent))

from e2eshard.start import CHILDREN, PROGRAMS, shadowed, start

_USAGE = 2  # schemas.errors.Exit.USAGE, from before the rooms can be imported
_HELP = """\
usage: python -m e2eshard PROGRAM [ARGUMENT ...]
       e2eshard PROGRAM [ARGUMENT ...]

  generator   suites become matrices and workflows; `generator init` starts with suites in another repository
  runner      cases become records
  results     records become reports

Each has --help. `python -m generator` is short for `python -m e2eshard generator`, and so on, as long as the current
folder and the environment have nothing of that name.

example: python -m e2eshard generator init --help"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one program; returns its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    program = arguments[0] if arguments else "--help"
    if program in PROGRAMS or program in CHILDREN:
        return start(program, arguments[1:])
    if program == "--version":
        print(f"e2eshard {metadata.version('e2eshard')}")
        return 0
    if program in ("-h", "--help"):
        print(_HELP, *_notes(), sep="\n")
        return 0 if arguments else _USAGE
    close = difflib.get_close_matches(program, PROGRAMS, 1)
    hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(PROGRAMS)}"
    print(f"error: e2eshard has no program {program!r}\n    mend: {hint}", file=sys.stderr)
    return _USAGE


def _notes() -> list[str]:
    """What is in the way of the short form here."""
    found = [(room, instead) for room, instead in shadowed(Path.cwd()) if room in PROGRAMS]
    notes = [f"here, `python -m {room}` finds {instead}: write `python -m e2eshard {room}`" for room, instead in found]
    return ["", *notes] if notes else []


if __name__ == "__main__":
    sys.exit(main())

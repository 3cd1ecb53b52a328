"""``python -m e2eshard PROGRAM …``: the generator, the runner or the results of this installation, from any folder."""

import os
import sys
from collections.abc import Sequence

if not __package__:  # the runner starts its children by the path of this file
    sys.path.append(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))  # noqa: PTH120

from e2eshard.start import arrange_path


def main(argv: Sequence[str] | None = None) -> int:
    """Run one program; returns its exit code."""
    arrange_path()
    from e2eshard import cli  # noqa: PLC0415  # with the path arranged

    return cli.main(sys.argv[1:] if argv is None else argv)


if __name__ == "__main__":
    sys.exit(main())

"""A shard's results become its report files, or the reason why they could not be written."""

from __future__ import annotations

import pathlib
import sys

from schemas.matrix import Matrix
from schemas.record import ShardResults


def write_reports(folder: pathlib.Path, results: ShardResults, matrix: Matrix | None) -> str:
    """Write the reports; what was wrong, if they could not be written: the journal has it all the same."""
    from results.shard import write_shard  # noqa: PLC0415 - brings openpyxl; no case is running any more

    try:
        write_shard(folder, results, matrix)
    except OSError as error:
        said = f"{folder}: the reports could not be written: {error.strerror or error}"
        print(f"{said}\n    mend: make room there and run the same command with --resume", file=sys.stderr)
        return said
    return ""

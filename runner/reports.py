"""A shard's results become its report files, or the reason why they could not be written."""

from __future__ import annotations

import contextlib
import pathlib
import sys
import threading
from collections.abc import Iterable

from schemas.matrix import Matrix
from schemas.record import Record, ShardHeader, ShardResults


def load_ahead() -> None:
    """Load what writes the reports while the first case runs; openpyxl alone takes a third of a second."""
    threading.Thread(target=_load, name="load the report writers", daemon=True).start()


def _load() -> None:
    with contextlib.suppress(ImportError):  # whoever needs it says so
        from results import shard  # noqa: F401, PLC0415 - loaded for what comes at the end
        from results.writers import ops_json, registry  # noqa: F401, PLC0415 - likewise


def results_of(header: ShardHeader, records: Iterable[Record]) -> ShardResults:
    """All that a shard came to; its records in the order of their cases."""
    return ShardResults(
        suite=header.suite,
        target=header.target,
        shard=header.shard,
        matrix_digest=header.matrix_digest,
        attempt=header.attempt,
        provenance=header.provenance,
        records=tuple(sorted(records, key=lambda each: each.case)),
    )


def write_reports(folder: pathlib.Path, results: ShardResults, matrix: Matrix | None) -> str:
    """Write the reports; what was wrong, if they could not be written: the journal has it all the same."""
    from results.shard import write_shard  # noqa: PLC0415 - brings openpyxl, which `load_ahead` has by now

    try:
        write_shard(folder, results, matrix)
    except OSError as error:
        said = f"{folder}: the reports could not be written: {error.strerror or error}"
        print(f"{said}\n    mend: make room there and run the same command with --resume", file=sys.stderr)
        return said
    return ""

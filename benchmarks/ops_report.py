"""Measures a merge with its workbook against bare openpyxl writing the same rows, in time and peak memory.

    python benchmarks/ops_report.py [--rows 100000] [--shards 256]

Each part runs in a process of its own; seconds are of CPU. `sheets` writes with openpyxl's write-only mode, without
styles, every value of every sheet that the merge wrote; `rows` only those of the sheet All Ops: each place once. Both
read them from a file of ready values, which is not measured.
"""

from __future__ import annotations

import argparse
import json
import pickle
import random
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

MOST_SECONDS = 1.3
MOST_MIB = 300
_OPS = ("aten.addmm.default", "aten.softmax.int", "aten.convolution.default", "aten.mul.Tensor", "aten.view.default")
_REPEATS = 4  # how often an operation stands in its model


def main() -> int:
    """Prints the table; exit code 1 where the bounds are missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--shards", type=int, default=256)
    parser.add_argument("--part", choices=sorted(PARTS), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.part:
        PARTS[arguments.part](arguments.folder)
        return 0
    with tempfile.TemporaryDirectory(prefix="e2eshard-bench-") as name:
        folder = Path(name)
        _make(folder / "in", arguments.rows, arguments.shards)
        found = {part: _measured(part, folder) for part in ("merge", "values", "sheets", "rows")}
        return _table(found, folder, arguments.rows, arguments.shards)


def _table(found: dict[str, tuple[float, float]], folder: Path, rows: int, shards: int) -> int:
    ours, peak = found["merge"]
    unique = json.loads((folder / "report" / "results.json").read_bytes())["ops"]["unique"]
    print(f"{rows} op rows of {shards} shards, {unique} unique; the workbook has {_count(folder)} rows\n")
    print("| what | CPU seconds | peak MiB | merge is |")
    print("|---|--:|--:|--:|")
    print(f"| merge: all journals to a whole report | {ours:.2f} | {peak:.0f} | |")
    for part, what in (("sheets", "bare openpyxl, all rows of the workbook"), ("rows", "bare openpyxl, All Ops alone")):
        seconds, memory = found[part]
        print(f"| {what} | {seconds:.2f} | {memory:.0f} | {ours / seconds:.2f}x |")
    met = ours <= MOST_SECONDS * found["sheets"][0] and peak < MOST_MIB
    print(f"\n{'met' if met else 'MISSED'}: at most {MOST_SECONDS}x of bare on the same rows, below {MOST_MIB} MiB")
    return 0 if met else 1


def _measured(part: str, folder: Path) -> tuple[float, float]:
    """CPU seconds, which other work on the machine does not change much, and the process's peak."""
    done = subprocess.run(
        [sys.executable, __file__, "--part", part, "--folder", str(folder)], check=True, capture_output=True, text=True
    )
    seconds, peak = done.stdout.split()[-2:]
    return float(seconds), float(peak)


def _told(started: float) -> None:
    print(time.process_time() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def _merge(folder: Path) -> None:
    started = time.process_time()
    from results.merge import merge  # noqa: PLC0415  (what a command imports is its own time)

    merge([folder / "in"], [], None, folder / "report")
    _told(started)


def _values(folder: Path) -> None:
    """Every value of the workbook, as openpyxl reads it back, into a file that the bare writers read."""
    from openpyxl import load_workbook  # noqa: PLC0415

    book = load_workbook(folder / "report" / "report.xlsx", read_only=True)
    with (folder / "values").open("wb") as file:
        for sheet in book.worksheets:
            for row in sheet.iter_rows(values_only=True):
                pickle.dump((sheet.title, list(row)), file)
    _told(0.0)


def _bare(folder: Path, *, only: str = "") -> None:
    from openpyxl import Workbook  # noqa: PLC0415

    ready = 0.0
    started = time.process_time()
    book = Workbook(write_only=True)
    sheets = {}
    for name, row in _timed(_stored(folder)):
        ready += row[1]
        if not only or name == only:
            if name not in sheets:
                sheets[name] = book.create_sheet(name)
            sheets[name].append(row[0])
    book.save(folder / f"bare{only}.xlsx")
    _told(started + ready)


def _timed(rows: Iterator[tuple[str, list[object]]]) -> Iterator[tuple[str, tuple[list[object], float]]]:
    """Rows with the time that it took to have them."""
    while True:
        started = time.process_time()
        found = next(rows, None)
        spent = time.process_time() - started
        if found is None:
            return
        yield found[0], (found[1], spent)


def _stored(folder: Path) -> Iterator[tuple[str, list[object]]]:
    with (folder / "values").open("rb") as file:
        while file.peek(1):
            yield pickle.load(file)  # noqa: S301  (our own file, of a moment ago)


def _count(folder: Path) -> int:
    with zipfile.ZipFile(folder / "report" / "report.xlsx") as book:
        names = [name for name in book.namelist() if name.startswith("xl/worksheets/sheet")]
        return sum(book.read(name).count(b"<row ") for name in names)


def _make(top: Path, rows: int, shards: int) -> None:
    """A case a shard; four in five operations run, a quarter of the unique ones are another shard's too."""
    from schemas.opwords import OpStatus  # noqa: PLC0415
    from tests.results_support.build import journal  # noqa: PLC0415
    from tests.results_support.ops import op_case, op_record, result, use, write_ops  # noqa: PLC0415

    chance = random.Random(20261)
    for shard in range(shards):
        case = op_case(f"torch/model-{shard:03}/tiny")
        lines: list[object] = []
        count = rows // shards + (shard < rows % shards)
        for index in range(count):
            size = index // _REPEATS
            number = size if size % 4 == 0 else size + 1000 * (shard + 1)
            name = _OPS[size % len(_OPS)]
            if index % _REPEATS == 0:
                status = OpStatus.EXECUTED if size % 5 else OpStatus(chance.randrange(1, 7))
                lines.append(result(name, status, size=number, signature=f"failed to legalize operation '{name}'"))
            lines.append(use(case, index, name, size=number))
        write_ops(top / f"shard-{shard}", case, lines)  # type: ignore[arg-type]
        journal(top / f"shard-{shard}", [op_record(case, lines, shard=shard)], shard=shard)  # type: ignore[arg-type]


PARTS = {
    "merge": _merge,
    "values": _values,
    "sheets": _bare,
    "rows": lambda folder: _bare(folder, only="All Ops"),
}


if __name__ == "__main__":
    sys.exit(main())

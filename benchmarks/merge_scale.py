"""Measures `results merge` with JSON, XLSX, JUnit and Markdown by number of records, and XLSX against bare openpyxl.

    python benchmarks/merge_scale.py [--full] [--records 1000 10000] [--shards 256] [--bare 100000]

`--full`: 1,000, 10,000, 100,000 and 256,000 records. Each part runs in a process of its own; seconds are of CPU, which
other work on the machine does not change much. `merge` is the whole command; `xlsx` its workbook alone, from the same
merged records. `bare` appends every row of that workbook, header rows too, to openpyxl's write-only mode, without
styles; it reads them from a file of ready values, whose reading is not counted. Sizes above `--bare` have none.
"""

from __future__ import annotations

import pickle
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.tables import Result, measured, options, told

FULL = (1_000, 10_000, 100_000, 256_000)
MOST_RATIO, MOST_MIB = 1.3, 300.0
#: What a further record costs may grow by so much.
LINEAR = 1.25


def main() -> int:
    """Prints the table; 1 where the bounds are missed."""
    parser = options(__doc__)
    parser.add_argument("--records", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--full", action="store_true", help="all sizes")
    parser.add_argument("--shards", type=int, default=256, help="at most so many, of 100 records or more")
    parser.add_argument("--bare", type=int, default=100_000, help="the largest workbook to write bare")
    parser.add_argument("--part", nargs=2, help="(used by the script itself)")
    given = parser.parse_args()
    if given.part:
        name, folder = given.part
        PARTS[name](Path(folder))
        return 0
    result = Result("Merging by number of records", ("msgspec", "openpyxl"))
    found = {
        count: one(count, max(1, min(given.shards, count // 100)), bare=count <= given.bare)
        for count in sorted(FULL if given.full else given.records)
    }
    rows = [
        [count, parts["shards"], parts["merge"], 1e6 * (parts["merge"] or 0) / count, parts["peak"], parts["xlsx"],
         parts["bare"], parts["bare"] and (parts["xlsx"] or 0) / parts["bare"]]
        for count, parts in found.items()
    ]  # fmt: skip
    heads = [
        "records",
        "shards",
        "merge, CPU s",
        "µs a record",
        "peak MiB",
        "xlsx, CPU s",
        "bare, CPU s",
        "xlsx / bare",
    ]
    result.table("", heads, rows)
    judge(result, found)
    return result.show(as_json=given.json)


def one(count: int, shards: int, *, bare: bool) -> dict[str, float | None]:
    """All parts at one size."""
    with tempfile.TemporaryDirectory(prefix="e2eshard-bench-") as name:
        make(Path(name), count, shards)
        _, merged, peak = measured(__file__, "--part", "merge", name)
        _, xlsx, _ = measured(__file__, "--part", "xlsx", name)
        seconds = None
        if bare:
            measured(__file__, "--part", "values", name)
            _, seconds, _ = measured(__file__, "--part", "bare", name)
    return {"shards": shards, "merge": merged, "peak": peak, "xlsx": xlsx, "bare": seconds}


def judge(result: Result, found: dict[int, dict[str, float | None]]) -> None:
    """Memory, the ratio at the largest size with one, and growth between the last sizes against the first ones."""
    peak = max(each["peak"] or 0 for each in found.values())
    result.verdict(peak < MOST_MIB, f"at most {peak:.0f} MiB (below {MOST_MIB:g} MiB)")
    ratios = [(count, (each["xlsx"] or 0) / each["bare"]) for count, each in found.items() if each["bare"]]
    if ratios:
        count, ratio = ratios[-1]
        result.verdict(
            ratio <= MOST_RATIO, f"xlsx of {count:,}: {ratio:.2f} times bare openpyxl (at most {MOST_RATIO})"
        )
    sizes = list(found)
    if len(sizes) > 2:
        costs = [((found[b]["merge"] or 0) - (found[a]["merge"] or 0)) / (b - a) for a, b in pairwise(sizes)]
        text = f"a record costs {costs[-1] / costs[0]:.2f} times as much between {sizes[-2]:,} and {sizes[-1]:,}"
        met = costs[-1] <= LINEAR * costs[0]
        result.verdict(met, f"{text} as between {sizes[0]:,} and {sizes[1]:,} (at most {LINEAR})")


def make(folder: Path, count: int, shards: int) -> None:
    """Journals of ``shards`` shards and their matrix: most cases pass, an eighth fails as expected, a few do not."""
    from schemas.codec import encode  # noqa: PLC0415 - the parts that are measured load only what they need
    from tests.results_support.build import journal, key, matrix, record  # noqa: PLC0415

    outcomes = _outcomes()
    cut = [range(shard, count, shards) for shard in range(shards)]
    (folder / "matrix.json").write_bytes(encode(matrix([[key(number) for number in part] for part in cut])))
    for shard, part in enumerate(cut):
        records = []
        for number in part:
            signature = f"failed to legalize operation 'torch.operator.{number % 97}'"
            made = record(key(number), outcomes[number % len(outcomes)], shard=shard, signature=signature)
            records.append(_with_stages(made, number))
        journal(folder / "in" / f"shard-{shard:03}", records, shard=shard)


def _outcomes() -> list[Any]:
    from schemas.words import Outcome  # noqa: PLC0415

    return [*[Outcome.PASS] * 40, *[Outcome.XFAIL] * 6, Outcome.SKIP, Outcome.FAIL]


def _with_stages(record: Any, number: int) -> Any:
    """With a result of every stage, as a case that runs leaves them."""
    import msgspec  # noqa: PLC0415

    from schemas.record import StageResult  # noqa: PLC0415
    from schemas.words import Outcome, Stage, StageStatus  # noqa: PLC0415

    if record.outcome is not Outcome.PASS:
        return record
    stages = tuple(
        StageResult(
            stage=stage, status=StageStatus.PASS, seconds=0.001 * (number % 997 + place), peak_rss_bytes=1 << 26
        )
        for place, stage in enumerate(Stage)
    )
    return msgspec.structs.replace(record, stages=stages, tags=("abs", "ai.onnx", "float32"))


def _merge(folder: Path) -> None:
    began, spent = time.perf_counter(), time.process_time()
    from results.merge import merge  # noqa: PLC0415 - what a command imports is its own time

    merge([folder / "in"], [folder / "matrix.json"], None, folder / "report")
    told(time.perf_counter() - began, time.process_time() - spent)


def _xlsx(folder: Path) -> None:
    from results.merge import load_plan, merged  # noqa: PLC0415
    from results.writers import xlsx  # noqa: PLC0415

    with merged([folder / "in"], load_plan([folder / "matrix.json"], None)) as view:
        began, spent = time.perf_counter(), time.process_time()
        xlsx.write(view, folder / "report.xlsx")
        told(time.perf_counter() - began, time.process_time() - spent)


def _values(folder: Path) -> None:
    """What the workbook's rows hold, as they are handed to a sheet, into a file that the bare writer reads."""
    from results.writers.sheets.sheet import Sheet  # noqa: PLC0415

    with (folder / "values").open("wb") as file:
        usual = Sheet.row

        def kept(self: Sheet, values: Sequence[Any], height: float | None = None) -> None:
            pickle.dump((self.name, [_plain(value) for value in values]), file)
            usual(self, values, height)

        Sheet.row = kept  # type: ignore[method-assign]
        _xlsx(folder)


def _plain(value: Any) -> Any:
    for name in ("number", "value"):
        value = getattr(value, name, value)
    return value if value is None or isinstance(value, int | float) else str(value)


def _bare(folder: Path) -> None:
    from openpyxl import Workbook  # noqa: PLC0415

    began, spent, ready = time.perf_counter(), time.process_time(), 0.0
    book, sheets = Workbook(write_only=True), dict[str, Any]()
    for (name, row), seconds in _timed(_stored(folder / "values")):
        ready += seconds
        if name not in sheets:
            sheets[name] = book.create_sheet(name)
        sheets[name].append(row)
    book.save(folder / "bare.xlsx")
    told(time.perf_counter() - began, time.process_time() - spent - ready)


def _timed(rows: Iterator[Any]) -> Iterator[tuple[Any, float]]:
    """Rows with the time that it took to have them."""
    while True:
        started = time.process_time()
        found = next(rows, None)
        spent = time.process_time() - started
        if found is None:
            return
        yield found, spent


def _stored(path: Path) -> Iterator[Any]:
    with path.open("rb") as file:
        while file.peek(1):
            yield pickle.load(file)  # noqa: S301 - our own file, of a moment ago


PARTS = {"merge": _merge, "xlsx": _xlsx, "values": _values, "bare": _bare}

if __name__ == "__main__":
    sys.exit(main())

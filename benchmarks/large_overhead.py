"""What the runner adds to a large model: its whole run, from the command line to the reports, over its stages alone.

    python benchmarks/large_overhead.py [MODEL] [--target T] [--rounds N] [--json]

Every round compiles anew. The stages' own seconds stand in the record: they are what loading, importing, compiling and
running cost in any case. Bound: 2 % of them, or 1 second, whichever is more. Exits with 1 when it is missed.
"""

from __future__ import annotations

import pathlib
import subprocess
import sys
import tempfile
import time

import msgspec
from tables import Result, middle, options, spread

from schemas.record import Record, ShardResults

SHARE, SECONDS = 0.02, 1.0


def run(model: str, target: str, out: pathlib.Path) -> tuple[float, Record]:
    """Wall seconds of one run, and its record."""
    command = [sys.executable, "-m", "runner", model, "--target", target, "--out", str(out)]
    begun = time.perf_counter()
    subprocess.run(
        [*command, "--force-recompile", "--no-rerun", "--keep", "none"], check=True, stdout=subprocess.DEVNULL
    )
    seconds = time.perf_counter() - begun
    (results,) = out.glob("*/*/*/results.json")
    (record,) = msgspec.json.decode(results.read_bytes(), type=ShardResults).records
    return seconds, record


def main() -> int:
    """Print a row a round; 1 where too much is added."""
    parser = options(__doc__)
    parser.add_argument("model", nargs="?", default="onnx/light/resnet50", help="what to run (default: %(default)s)")
    parser.add_argument("--target", default="cpu", help="where (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="how often (default: %(default)s)")
    chosen = parser.parse_args()
    rows, added, bare = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(chosen.rounds):
            wall, record = run(chosen.model, chosen.target, pathlib.Path(folder) / str(number))
            stages = sum(each.seconds for each in record.stages)
            rows.append([number + 1, wall, stages, record.seconds - stages, wall - record.seconds, wall - stages])
            added.append(wall - stages)
            bare.append(stages)
    result = Result(f"What the runner adds to {chosen.model} on {chosen.target}", ("iree-base-compiler",))
    heads = ("round", "whole run, s", "stages, s", "in the case's process, s", "around it, s", "added, s")
    result.table("", heads, rows)
    bound = max(SHARE * middle(bare), SECONDS)
    result.verdict(middle(added) <= bound, f"added {middle(added):.2f} s ({spread(added)}); at most {bound:.2f} s")
    return result.show(as_json=chosen.json)


if __name__ == "__main__":
    sys.exit(main())

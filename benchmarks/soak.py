"""The node suite several times over: does anything grow from one run to the next?

    python benchmarks/soak.py [--runs 3] [--shard nightly-execute/cpu] [--tests REGEX] [--json]

After each run: the largest memory of the runner and of its children, processes that are left, files in the temporary
folder, open descriptors and locks of this machine's store, and the store's size. The first run fills the store, so that
growth is counted from the second one on. Exits with 1 where a later run leaves more than an earlier one, holds over a
tenth more memory, or comes to other outcomes.
"""

from __future__ import annotations

import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

from tables import Result, options

from runner.memory import descendants

MORE_MEMORY = 1.10
_SETTLED = 1  # runs after which the store has all that it will have


class Left(NamedTuple):
    """What one run took and left behind; memory in MiB."""

    seconds: float
    memory: float
    processes: int
    temporary: int
    locks: int
    files: int
    mebibytes: float
    outcomes: dict[str, int]


def run(argv: list[str], out: pathlib.Path, store: pathlib.Path, temporary: pathlib.Path) -> Left:
    """One run of the suite in a process of its own, so that its memory is told apart from other runs'."""
    environment = os.environ | {"E2ESHARD_STORE": str(store), "TMPDIR": str(temporary)}
    begun = time.perf_counter()
    measured = [sys.executable, str(pathlib.Path(__file__).absolute()), "--measured", *argv, "--out", str(out)]
    done = subprocess.run(measured, env=environment, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise SystemExit(f"the runner ended with {done.returncode}:\n{done.stderr}")
    memory = float(done.stdout.splitlines()[-1])
    outcomes: dict[str, int] = {}
    for path in out.rglob("results.json"):
        for record in json.loads(path.read_bytes())["records"]:
            outcomes[record["outcome"]] = outcomes.get(record["outcome"], 0) + 1
    kept = [path for path in store.rglob("*") if path.is_file()]
    return Left(
        seconds=time.perf_counter() - begun,
        memory=memory,
        processes=len(descendants(os.getpid())),
        temporary=sum(1 for _ in temporary.rglob("*")),
        locks=sum(path.suffix == ".lock" for path in kept),
        files=len(kept),
        mebibytes=sum(path.stat().st_size for path in kept) / 2**20,
        outcomes=outcomes,
    )


def measured(argv: list[str]) -> int:
    """Run the runner; print the largest memory of it and of any of its children, in MiB."""
    code = subprocess.run([sys.executable, "-m", "runner", *argv], stdout=sys.stderr, check=False).returncode
    print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)
    return code


def grown(runs: list[Left]) -> list[str]:
    """What is more after a later run than after the first one that counts."""
    first = runs[_SETTLED]
    said = []
    for number, each in enumerate(runs[_SETTLED + 1 :], _SETTLED + 2):
        said += [
            f"run {number}: {name} {getattr(first, name)} -> {getattr(each, name)}"
            for name in ("processes", "temporary", "locks", "files")
            if getattr(each, name) > getattr(first, name)
        ]
        if each.memory > first.memory * MORE_MEMORY:
            said.append(f"run {number}: memory {first.memory:.0f} -> {each.memory:.0f} MiB")
    said += [
        f"run {n}: outcomes {each.outcomes}" for n, each in enumerate(runs, 1) if each.outcomes != runs[0].outcomes
    ]
    return said


def main() -> int:
    """Print a row a run; 1 where something grows."""
    if "--measured" in sys.argv:
        return measured(sys.argv[sys.argv.index("--measured") + 1 :])
    parser = options(__doc__)
    parser.add_argument("--runs", type=int, default=3, help="at least three (default: %(default)s)")
    parser.add_argument("--shard", default="nightly-execute/cpu", help="(default: %(default)s)")
    parser.add_argument("--tests", default="onnx/node/", help="(default: %(default)s)")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name)
        temporary = root / "tmp"
        temporary.mkdir()
        argv = ["--shard", chosen.shard, "--tests", chosen.tests, "--no-rerun"]
        numbers = range(max(chosen.runs, _SETTLED + 2))
        runs = [run(argv, root / f"out-{number}", root / "store", temporary) for number in numbers]
    result = Result(f"{chosen.shard}, {chosen.tests}: {len(runs)} runs over one store", ("iree-base-compiler",))
    heads = ("run", "seconds", "memory, MiB", "processes", "temporary files", "locks", "files of the store", "its MiB")
    result.table("", heads, [[number, *each[:-1]] for number, each in enumerate(runs, 1)])
    said = grown(runs)
    result.verdict(not said, "nothing grows" if not said else "; ".join(said))
    return result.show(as_json=chosen.json)


if __name__ == "__main__":
    sys.exit(main())

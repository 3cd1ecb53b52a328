"""Op by op of a few models, operations compiled together against one process for each, in turns: ratios of wall time.

    python benchmarks/op_by_op.py [--models M ...] [--sharing M] [--rounds 3] [--json]

Each round runs each model three times, each in a runner of its own: with `--engine solo` and an empty store, with
`--engine auto` and an empty store, and with `--engine auto` once more, all results in the store. Which of the first two
is first changes from round to round. `--sharing` is then run after the first model, once in each round, with the store
that the first model left. Seconds are those of the stage op_by_op: the walk and all operations, but not the loading of
the model, which is the same; a column has those of the whole case. The results of all ways are compared field by field
but for times: a difference of any operation is told and makes the run fail.
"""

from __future__ import annotations

import collections
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent))

import msgspec

from benchmarks.tables import Result, middle, options, spread
from schemas.ops import OP_FOLDER, OpLine, OpResult
from schemas.record import CaseRecord, JournalLine, Record
from schemas.words import Stage

MODELS = (
    "torch/bert/tiny@torch-mlir",
    "torch/resnet/basic@torch-mlir",
    "torch/bert/tiny@onnx",
    "onnx/models/tiny_encoder/one@onnx",
    "torch/gpt2/tiny@torch-mlir",
)
SHARING = "torch/bert/tiny@torch-mlir.train"
TIMES_FASTER = 4.0
_LINE = msgspec.json.Decoder(OpLine)


class Run(NamedTuple):
    """One case: seconds of its walk and of all of it, what its operations came to, and how many were run together."""

    walk: float
    whole: float
    verdicts: dict[str, tuple[object, ...]]
    joined: int
    rejudged: int
    reused: int


def main() -> int:
    """Prints the tables; 1 where the bound is missed or a result differs."""
    parser = options(__doc__)
    parser.add_argument("--models", nargs="+", default=list(MODELS), metavar="M", help="cases that go op by op")
    parser.add_argument("--sharing", default=SHARING, metavar="M", help="a model with operations of the first one")
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    parser.add_argument("--target", default="cpu")
    given = parser.parse_args()
    runs: dict[tuple[str, str], list[Run]] = collections.defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="e2eshard-bench-") as name:
        for number in range(given.rounds):
            for model in given.models:
                folder = Path(name) / f"{number}-{given.models.index(model)}"
                for engine in ("solo", "auto") if number % 2 else ("auto", "solo"):
                    runs[model, engine].append(run(model, given.target, engine, folder, folder / engine))
                runs[model, "again"].append(run(model, given.target, "auto", folder, folder / "auto"))
            first = Path(name) / f"{number}-0"
            runs[given.sharing, "solo"].append(run(given.sharing, given.target, "solo", first, first / "other"))
            runs[given.sharing, "auto"].append(run(given.sharing, given.target, "auto", first, first / "auto"))
    return show(given.models, given.sharing, runs, as_json=given.json)


def run(model: str, target: str, engine: str, folder: Path, store: Path) -> Run:
    """One runner with this store; results are left in a folder of their own."""
    out = Path(tempfile.mkdtemp(prefix="out-", dir=folder if folder.is_dir() else folder.parent))
    command = [sys.executable, "-m", "runner", model, "--target", target, "--depth", "execute-op-by-op"]
    command += ["--engine", engine, "--out", str(out), "--no-rerun", "--keep", "none"]
    environment = {**os.environ, "E2ESHARD_STORE": str(store)}
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True, cwd=Path(__file__).parent.parent)
    record = record_of(out)
    results = [each for each in lines(out) if isinstance(each, OpResult)]
    stage = next(each.seconds for each in record.stages if each.stage is Stage.OP_BY_OP)
    joined, rejudged = (int(record.metrics[name]) for name in ("ops_joined", "ops_rejudged"))
    reused = sum(each.reused for each in results)
    return Run(stage, record.seconds, {each.digest: verdict(each) for each in results}, joined, rejudged, reused)


def record_of(out: Path) -> Record:
    """The one record of a run."""
    (journal,) = out.glob("*/*/*/records.jsonl")
    found = (msgspec.json.decode(line, type=JournalLine) for line in journal.read_bytes().splitlines())
    return next(each.record for each in found if isinstance(each, CaseRecord))


def lines(out: Path) -> list[OpLine]:
    """The journal of a run's operations."""
    (journal,) = out.glob(f"*/*/*/{OP_FOLDER}/**/*.jsonl")
    return [_LINE.decode(line) for line in journal.read_bytes().splitlines()]


def verdict(result: OpResult) -> tuple[object, ...]:
    """What must be the same, however the operation was run."""
    signature = "" if result.error is None else result.error.signature
    return (result.key.name, result.status, result.outcome, result.stopped, result.verified, signature)


def show(models: list[str], sharing: str, runs: dict[tuple[str, str], list[Run]], *, as_json: bool) -> int:
    """The tables, what must hold, and the exit code."""
    result = Result("Op by op: operations together against one process for each", ("iree-base-compiler", "torch"))
    rows: list[list[str | int | float | None]] = []
    ratios: list[float] = []
    different: list[str] = []
    for model in (*models, sharing):
        solo, auto = runs[model, "solo"], runs[model, "auto"]
        again = runs.get((model, "again"), [])
        pairs = [one.walk / other.walk for one, other in zip(solo, auto, strict=True)]
        whole = middle([one.whole / other.whole for one, other in zip(solo, auto, strict=True)])
        warm = middle([one.walk / other.walk for one, other in zip(solo, again, strict=True)]) if again else None
        last = auto[-1]
        shared = " (after the first)" if model == sharing else ""
        row = [f"{model}{shared}", len(last.verdicts), last.reused, last.joined, last.rejudged]
        walks = [middle([each.walk for each in some]) for some in (solo, auto)]
        rows.append([*row, *walks, middle(pairs), spread(pairs), whole, warm])
        ratios += [] if shared else [middle(pairs)]
        different += [difference for one in (*auto, *again) for difference in differences(model, solo[0], one)]
    heads = ["model", "operations", "reused", "together", "again alone", "solo s", "auto s", "ratio", "least .. most"]
    result.table("", [*heads, "ratio of the case", "ratio when known"], rows)
    result.verdict(middle(ratios) >= TIMES_FASTER, f"median of {middle(ratios):.1f}x; {TIMES_FASTER:g}x is asked for")
    result.verdict(not different, f"{len(different)} results differ {json.dumps(different[:5]) if different else ''}")
    return result.show(as_json=as_json)


def differences(model: str, one: Run, other: Run) -> list[str]:
    """The operations that did not come to the same."""
    names: dict[str, Any] = {**one.verdicts, **other.verdicts}
    found = (digest for digest in names if one.verdicts.get(digest) != other.verdicts.get(digest))
    return [f"{model} {names[digest][0]} {digest[:16]}" for digest in found]


if __name__ == "__main__":
    sys.exit(main())

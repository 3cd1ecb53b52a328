"""What one more case costs where its module is known, and how much of that is the runner's own.

    python benchmarks/warm_cases.py [--cases N] [--names FILE] [--jobs 2] [--rounds 5] [--few 40] [--json]

Of the node cases those that pass are taken. Their modules are compiled once; then runs of all of them and of every
40th one take turns. The difference of their wall times over that of their numbers is what a further case costs: start
and what every run does once are not in it, journal, judgement and all reports are. From that its stages are taken
(inputs, golden, inference, comparison, by their own records, divided by the number of jobs): the rest is ours. Exits
with 1 where that is over 1 ms, the median of all rounds.

``--cases`` and ``--names`` as of ``node_cases.py``.
"""

from __future__ import annotations

import pathlib
import sys
import tempfile
from collections.abc import Sequence

import msgspec
from node_cases import Ours, measured, node_cases
from tables import Result, middle, options, spread

BOUND_MS = 1.0


class Run(msgspec.Struct, frozen=True):
    """One run: its cases, its seconds of wall and processor time, and the sum of its stages' seconds."""

    cases: int
    wall: float
    cpu: float
    stages: float


class Round(msgspec.Struct, frozen=True):
    """Milliseconds that a further case costs: of wall and processor time, in its stages, and what of it is ours."""

    wall: float
    cpu: float
    stages: float
    ours: float


def run(ours: Ours, names: Sequence[str]) -> Run:
    """One run of these cases, all of which must pass, with modules that are known."""
    ours.choose(names)
    timing = measured(f"{len(names)} cases", lambda: ours.run("auto"))
    records = ours.records()
    if wrong := sorted(name for name, verdict in timing.verdicts.items() if verdict != "pass"):
        raise SystemExit(f"no longer pass: {', '.join(wrong)}")
    stages = sum(stage["seconds"] for record in records for stage in record["stages"])
    return Run(len(names), timing.wall, timing.cpu, stages)


def further(many: Run, few: Run, jobs: int) -> Round:
    """What one case more costs."""
    wall, cpu, stages = (
        1e3 * (getattr(many, each) - getattr(few, each)) / (many.cases - few.cases)
        for each in ("wall", "cpu", "stages")
    )
    return Round(wall, cpu, stages, wall - stages / jobs)


def compiled(ours: Ours, names: Sequence[str]) -> list[str]:
    """Compile all cases, and run what passes once more, as modules are only known after that; the names of those."""
    verdicts = ours.run("auto")
    passing = [name for name in names if verdicts.get(name) == "pass"]
    ours.choose(passing)
    ours.run("auto")
    return passing


def show(rounds: Sequence[Round], many: Run, few: Run, *, as_json: bool) -> int:
    """Print each kind of cost, its median and its spread; 1 where what is ours is over the bound."""
    result = Result("One more case whose module is known", ("iree-base-compiler", "onnx", "openpyxl"))
    says = {"wall": "wall time", "cpu": "processor time", "stages": "its stages", "ours": "wall, less stages over jobs"}
    found = {label: [float(getattr(each, name)) for each in rounds] for name, label in says.items()}
    rows = [[label, middle(values), spread(values)] for label, values in found.items()]
    result.table(
        f"{many.cases} cases against {few.cases}, {len(rounds)} rounds", ["ms a case", "median", "spread"], rows
    )
    own = middle(found[says["ours"]])
    result.verdict(own <= BOUND_MS, f"{own:.2f} ms are ours; {BOUND_MS:g} is asked for")
    return result.show(as_json=as_json)


def main() -> int:
    """Compile, run all and few by turns, print the table."""
    parser = options(__doc__)
    parser.add_argument("--cases", type=int, default=0, metavar="N", help="spread over all (default: all)")
    parser.add_argument("--names", type=pathlib.Path, metavar="FILE", help="only those it lists, one a line")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="(default: 2)")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="(default: 5)")
    parser.add_argument("--few", type=int, default=40, metavar="N", help="every Nth makes the small run (default: 40)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name)
        names = sorted(node_cases(root / "store", given.cases, given.names))
        ours = Ours(root, names, given.jobs)
        passing = compiled(ours, names)
        if len(passing) <= len(passing[:: given.few]):
            parser.error(f"{len(passing)} cases pass, and every {given.few}th of them is as many: name more, or fewer")
        runs = [(run(ours, passing), run(ours, passing[:: given.few])) for _ in range(given.rounds)]
    rounds = [further(many, few, given.jobs) for many, few in runs]
    return show(rounds, *runs[-1], as_json=given.json)


if __name__ == "__main__":
    sys.exit(main())

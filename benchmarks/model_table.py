"""A results.json becomes a Markdown table of models: outcome, seconds a stage, PCC and largest error.

    python benchmarks/model_table.py out/report/results.json --models 'torch/*' --target cpu

One row a case. Below it stands the honest share of passes, per path, with skipped and disabled checks told apart.
"""

from __future__ import annotations

import argparse
import fnmatch
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from results.measured import let_pass, worst
from results.text import cell
from schemas.codec import decode
from schemas.record import Record
from schemas.report import Report
from schemas.words import EXIT_NUMERICS, EXIT_PASS, Lowering, Mode, Outcome, Stage

#: Columns of the table: a heading and the stages whose seconds are added up in it.
COLUMNS: dict[str, tuple[Stage, ...]] = {
    "setup": (Stage.SETUP,),
    "import": (Stage.IMPORT_MODEL, Stage.PREPROCESS_MODEL),
    "compile": (Stage.COMPILATION,),
    "native": (Stage.NATIVE_INFERENCE,),
    "compiled": (Stage.COMPILED_INFERENCE,),
    "compare": (Stage.POSTPROCESSING, Stage.COMPARISON),
}


def chosen(records: Sequence[Record], models: Sequence[str], target: str) -> list[Record]:
    """The records whose model fits one of the patterns, by model, path, lowering, mode and target."""
    fitting = (each for each in records if any(fnmatch.fnmatchcase(each.model, pattern) for pattern in models))
    wanted = (each for each in fitting if not target or each.target == target)
    return sorted(wanted, key=lambda each: (each.model, each.path, each.lowering, each.mode, each.target))


def table(records: Sequence[Record]) -> Iterator[str]:
    """Lines of Markdown. The target is a column only where there are several."""
    several = len({each.target for each in records}) > 1
    heads = ["model", "path", *(["target"] if several else []), "outcome", "stopped at"]
    numbers = [*(f"{name} s" for name in COLUMNS), "PCC", "max abs"]
    yield f"| {' | '.join([*heads, *numbers])} |"
    yield f"|{'---|' * len(heads)}{'--:|' * len(numbers)}"
    for record in records:
        stopped = "" if record.exit_status == EXIT_PASS else _at(record)
        names = [cell(record.model), _path(record), *([cell(record.target)] if several else [])]
        yield f"| {' | '.join([*names, _outcome(record), stopped, *_seconds(record), *_figures(record)])} |"


def _path(record: Record) -> str:
    parts = [record.path.value]
    parts += [record.lowering.value] if record.lowering is not Lowering.TORCH else []
    parts += [record.mode.value] if record.mode is not Mode.EVAL else []
    return ", ".join(parts)


def _outcome(record: Record) -> str:
    """A pass that a disabled check let through is marked."""
    return f"{record.outcome} (unasserted)" if record.outcome is Outcome.PASS and let_pass(record) else record.outcome


def _at(record: Record) -> str:
    return "comparison" if record.exit_status == EXIT_NUMERICS else record.exit_status


def _seconds(record: Record) -> list[str]:
    seconds = {each.stage: each.seconds for each in record.stages if each.status in ("PASS", "FAIL")}
    found = [[seconds[stage] for stage in stages if stage in seconds] for stages in COLUMNS.values()]
    return [f"{sum(each):.2f}" if each else "" for each in found]


def _figures(record: Record) -> list[str]:
    found = worst(record)
    return [
        "" if found.pcc is None else f"{found.pcc:.6f}" if found.pcc < 1 else "1",
        "" if found.max_abs is None else f"{found.max_abs:.2g}",
    ]


def shares(records: Sequence[Record]) -> Iterator[str]:
    """Per path: passes of all cases that were not skipped, expected failures counted as what they are."""
    for path in sorted({each.path for each in records}):
        counts = Counter(each.outcome for each in records if each.path is path)
        judged = counts.total() - counts[Outcome.SKIP]
        passed = counts[Outcome.PASS] + counts[Outcome.XPASS]
        share = f"{passed / judged:.1%}" if judged else "none was judged"
        told = ", ".join(f"{outcome} {count}" for outcome, count in sorted(counts.items()))
        let = sum(each.path is path and each.outcome is Outcome.PASS and bool(let_pass(each)) for each in records)
        note = f"; of the passes {let} with a disabled check that would fail" if let else ""
        yield f"- `{path}`: {passed} of {judged} pass ({share}): {told}{note}"


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; exit 2 where the file is none, or has no such model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", type=Path, help="a results.json of a shard or of a merged run")
    parser.add_argument("--models", action="append", metavar="GLOB", help="which models (default: torch/*)")
    parser.add_argument("--target", default="", help="only this target")
    arguments = parser.parse_args(argv)
    patterns = arguments.models or ["torch/*"]
    try:
        report = decode(arguments.report.read_bytes(), Report)
    except (OSError, ValueError) as error:
        print(f"error: {arguments.report} is no results.json: {error}", file=sys.stderr)
        return 2
    records = chosen(report.records, patterns, arguments.target)
    if not records:
        print(f"error: {arguments.report} has no record of {' or '.join(patterns)}", file=sys.stderr)
        return 2
    print("\n".join([*table(records), "", *shares(records)]))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""A finished batch becomes its last words: counts, the slowest, the failures with how to repeat them, annotations."""

from __future__ import annotations

import pathlib
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TextIO

from results.step_summary import append_summary
from runner.annotations import notice, workflow_errors
from runner.options import Options
from runner.progress import clock
from runner.schedule import Stop
from runner.shard import Outcome
from schemas.record import Record

_MOST_FAILURES = 50


def show(outcome: Outcome, options: Options, environment: Mapping[str, str], stream: TextIO | None = None) -> None:
    """Print what a person wants to know at the end, and what GitHub reads."""
    stream = stream or sys.stdout
    for line in (*_slowest(outcome.records, options.durations), *_failures(outcome.records), *_ending(outcome)):
        print(line, file=stream)
    if environment.get("GITHUB_ACTIONS") == "true":
        for line in (
            *workflow_errors(outcome.records, outcome.batch.name),
            notice(outcome.batch.name, counts(outcome)),
        ):
            print(line, file=stream)
        append_summary(environment, outcome.batch.folder / "summary.md")
    stream.flush()


def counts(outcome: Outcome) -> str:
    """``60 cases: 58 PASS, 2 XFAIL``."""
    found = Counter(str(record.outcome) for record in outcome.records)
    if outcome.missing:
        found["MISSING"] += outcome.missing
    return f"{found.total()} cases: {', '.join(f'{n} {name}' for name, n in sorted(found.items())) or 'none'}"


def _slowest(records: Sequence[Record], how_many: int) -> list[str]:
    slowest = sorted(records, key=lambda record: (-record.seconds, record.case))[:how_many]
    return [f"{len(slowest)} slowest cases:", *(f"  {r.seconds:8.2f}s {r.case}" for r in slowest)] if slowest else []


def _failures(records: Sequence[Record]) -> list[str]:
    red = [record for record in records if record.outcome.is_red]
    lines = [f"{len(red)} unexpected:"] if red else []
    for record in red[:_MOST_FAILURES]:
        stage = f" at {record.exit_status}" if record.exit_status != record.outcome else ""
        lines.append(f"  {record.outcome} {record.case}{stage}")
        if record.error is not None:
            lines.append(f"      {record.error.signature}")
        lines.extend(f"      {note}" for note in record.notes if record.error is None)
        if record.reproduce:
            lines.append(f"      {record.reproduce}")
    if len(red) > _MOST_FAILURES:
        lines.append(f"  and {len(red) - _MOST_FAILURES} more: see summary.md")
    return lines


def _ending(outcome: Outcome) -> list[str]:
    batch = outcome.batch
    lines = [f"{batch.name}: {counts(outcome)}", f"  results in {_shown(batch.folder)}"]
    if outcome.stop is Stop.SHARD_DEADLINE:
        lines.append(
            f"  the shard's own deadline of {clock(batch.target.shard_timeout)} ended it; --resume goes on from here"
        )
    elif outcome.stop is Stop.INTERRUPTED:
        lines.append("  interrupted; the same command with --resume goes on from here")
    return lines


def _shown(path: pathlib.Path) -> str:
    try:
        return str(path.absolute().relative_to(pathlib.Path.cwd()))
    except ValueError:
        return str(path)

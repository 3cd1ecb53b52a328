"""A finished batch becomes its last words: counts, the slowest, the failures with how to repeat them, annotations."""

from __future__ import annotations

import pathlib
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TextIO

from results.step_summary import append_summary
from results.text import log_lines
from runner.annotations import notice, one_error, workflow_errors
from runner.opcases import told
from runner.options import Options
from runner.outcome import Outcome
from runner.progress import clock
from runner.reproduce import bundle_command
from runner.schedule import Stop
from schemas.record import DIFFERED, READS_BEHIND, Record

_MOST_FAILURES = 50


def show(outcome: Outcome, options: Options, environment: Mapping[str, str], stream: TextIO | None = None) -> None:
    """Print what a person wants to know at the end, and what GitHub reads."""
    stream = stream or sys.stdout
    unexpected = _hindered(outcome) or _failures(outcome)
    operations = told(outcome.records[:_MOST_FAILURES], outcome.batch.folder, each=bool(options.op))
    for text in (*_slowest(outcome.records, options.durations), *operations, *unexpected, *_ending(outcome)):
        print(log_lines(text), file=stream)  # what a model or a tool said must not speak to GitHub
    if environment.get("GITHUB_ACTIONS") == "true":
        for line in _annotations(outcome):
            print(line, file=stream)
        append_summary(environment, outcome.batch.folder / "summary.md")
    stream.flush()


def _annotations(outcome: Outcome) -> list[str]:
    name, missing = outcome.batch.name, outcome.hindrance
    if missing is None:
        errors = list(workflow_errors(outcome.records, name))
    else:
        errors = [] if missing.skip else [one_error(name, missing.why)]
    return [*errors, notice(name, counts(outcome))]


def counts(outcome: Outcome) -> str:
    """``60 cases: 58 PASS, 2 XFAIL``."""
    found = Counter(str(record.outcome) for record in outcome.records)
    if outcome.missing:
        found["MISSING"] += outcome.missing
    flaky = sum(record.flaky for record in outcome.records)
    also = f" ({flaky} flaky)" if flaky else ""
    return f"{found.total()} cases: {', '.join(f'{n} {name}' for name, n in sorted(found.items())) or 'none'}{also}"


def _slowest(records: Sequence[Record], how_many: int) -> list[str]:
    slowest = sorted(records, key=lambda record: (-record.seconds, record.case))[:how_many]
    return [f"{len(slowest)} slowest cases:", *(f"  {r.seconds:8.2f}s {r.case}" for r in slowest)] if slowest else []


def _hindered(outcome: Outcome) -> list[str]:
    """One reason for all, where the machine lacks what every case needs."""
    missing = outcome.hindrance
    if missing is None:
        return []
    return [f"nothing could run on {outcome.batch.target.name}: {missing.why}"]


def _failures(outcome: Outcome) -> list[str]:
    red = [record for record in outcome.records if record.outcome.is_red]
    lines = [f"{len(red)} unexpected:"] if red else []
    for record in red[:_MOST_FAILURES]:
        stage = f" at {record.exit_status}" if record.exit_status != record.outcome else ""
        lines.append(f"  {record.outcome} {record.case}{stage}")
        if record.error is not None:
            lines.append(f"      {record.error.signature}")
        lines.extend(f"      {note}" for note in record.notes if record.error is None or record.rerun is not None)
        if record.reproduce:
            lines.append(f"      {record.reproduce}")
        if record.bundle and (outcome.batch.folder / record.bundle).is_dir():  # not one of another machine's
            lines.append(f"      {bundle_command(shown(outcome.batch.folder / record.bundle))}")
    if len(red) > _MOST_FAILURES:
        lines.append(f"  and {len(red) - _MOST_FAILURES} more: see summary.md")
    return lines


def _ending(outcome: Outcome) -> list[str]:
    batch = outcome.batch
    lines = [f"{batch.name}: {counts(outcome)}", f"  results in {shown(batch.folder)}"]
    if joined := [record.together for record in outcome.records if record.together is not None]:
        again, differed = sum(bool(each.again) for each in joined), sum(each.again == DIFFERED for each in joined)
        how = f"{differed} did not agree" if differed else "all agreed"
        lines.append(f"  {again} of {len(joined)} joined verdicts were judged again alone, {how}")
    if outcome.unrepeated and outcome.stop is Stop.DONE:
        lines.append(
            f"  {outcome.unrepeated} of them could not be run a second time: no time, no room or no device left"
        )
    behind = sum(READS_BEHIND in record.notes for record in outcome.records)
    if behind:
        cases = "1 case" if behind == 1 else f"{behind} cases"
        lines.append(f"  the compiled code of {cases} reads memory behind inputs: summary.md names them")
    if outcome.stop is Stop.SHARD_DEADLINE:
        lines.append(
            f"  the shard's own deadline of {clock(batch.target.shard_timeout)} ended it; --resume goes on from here"
        )
    elif outcome.stop is Stop.INTERRUPTED:
        lines.append("  interrupted; the same command with --resume goes on from here")
    return lines


def shown(path: pathlib.Path) -> str:
    """A path as a person would type it here."""
    try:
        return str(path.absolute().relative_to(pathlib.Path.cwd()))
    except ValueError:
        return str(path)

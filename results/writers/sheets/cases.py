"""All cases, one row each, with what was observed of them; and the unexpected ones with their excerpts."""

from __future__ import annotations

from collections.abc import Iterator

from results.measured import cast_text, disabled, let_pass, token_differences, worst
from results.writers.sheets.cells import Value
from results.writers.sheets.sheet import Column
from results.writers.sheets.table import Table
from schemas.record import Record
from schemas.words import Outcome, Stage

_STAGES = tuple(Stage)
_MIB = 1024**2
_NAMES = (Column("suite", 18), Column("target", 14), Column("model", 44), Column("path", 10))
_CASES = (
    *_NAMES,
    Column("lowering", 10),
    Column("mode", 7),
    Column("depth", 10),
    Column("outcome", 10),
    Column("flaky", 7),
    Column("exit status", 18),
    Column("reached depth", 10),
    Column("expected to fail at", 18),
    Column("seconds", 9),
    *(Column(f"{stage.replace('_', ' ')} s", 12) for stage in _STAGES),
    Column("peak MiB", 9),
    Column("max abs error", 13),
    Column("max rel error", 13),
    Column("relative atol", 13),
    Column("PCC", 10),
    Column("cosine", 10),
    Column("mismatched", 11),
    Column("elements", 10),
    Column("disabled checks", 10),
    Column("unasserted", 40),
    Column("token difference", 40),
    Column("casts", 30),
    Column("signature", 60),
    Column("skip reason", 14),
    Column("notes", 40),
    Column("shard", 7),
    Column("attempt", 8),
    Column("group", 14),
    Column("owner", 14),
    Column("tags", 20),
    Column("bundle", 30),
    Column("case", 60),
)
_FAILURES = (
    Column("outcome", 10),
    Column("exit status", 18),
    Column("case", 50),
    Column("signature", 50),
    Column("notes", 40),
    Column("excerpt", 80),
    Column("reproduce", 60),
    Column("bundle", 40),
    Column("shard", 7),
    Column("attempt", 8),
)
#: An excerpt in a cell is for reading; the log has everything.
_EXCERPT = 4000


def _cases(record: Record) -> Iterator[list[Value]]:
    yield _case(record)


def _failures(record: Record) -> Iterator[list[Value]]:
    if record.outcome.is_red and record.outcome is not Outcome.MISSING:
        yield _failure(record)


def _case(record: Record) -> list[Value]:
    seconds = {stage.stage: stage.seconds for stage in record.stages}
    peak = max((stage.peak_rss_bytes or 0 for stage in record.stages), default=0)
    found = worst(record)
    return [
        record.suite,
        record.target,
        record.model,
        record.path.value,
        record.lowering.value,
        record.mode.value,
        record.depth.value,
        record.outcome,
        "yes" if record.flaky else None,
        record.exit_status,
        record.reached_depth.value if record.reached_depth is not None else None,
        record.expectation.stage.value if record.expectation is not None else None,
        round(record.seconds, 3) or None,
        *(round(seconds[stage], 3) if stage in seconds else None for stage in _STAGES),
        round(peak / _MIB) if peak else None,
        found.max_abs,
        found.max_rel,
        found.relative_atol,
        found.pcc,
        found.cosine,
        found.mismatched,
        found.total,
        ", ".join(disabled(record)),
        "; ".join(let_pass(record)),
        "; ".join(token_differences(record)),
        "; ".join(map(cast_text, record.casts)),
        record.error.signature if record.error is not None else None,
        record.skip_reason.value if record.skip_reason is not None else None,
        "; ".join(record.notes),
        record.shard,
        record.attempt,
        record.group,
        record.owner,
        ", ".join(record.tags),
        record.bundle,
        record.case,
    ]


def _failure(record: Record) -> list[Value]:
    notes = list(record.notes)
    if record.outcome is Outcome.XPASS and record.expectation is not None and record.expectation.where:
        notes.append(f"delete {record.expectation.where}")
    notes += [f"{c.output}: {c.reason}" for c in record.comparisons if not c.passed]
    notes += token_differences(record)
    return [
        record.outcome,
        record.exit_status,
        record.case,
        record.error.signature if record.error is not None else None,
        "\n".join(notes),
        record.error.excerpt[:_EXCERPT] if record.error is not None else None,
        record.reproduce,
        record.bundle,
        record.shard,
        record.attempt,
    ]


#: Every record, in the report's order.
CASES = Table(name="Cases", columns=_CASES, rows=_cases, keep=3)
#: Every red record that ran: what happened and how to see it again.
FAILURES = Table(name="Failures", columns=_FAILURES, rows=_failures, wrapped=True)

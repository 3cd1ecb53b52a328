"""What the comparisons found, output by output: figures, diverging values, tokens, disabled checks, cast inputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from results.measured import cast_text, disabled, let_pass
from results.writers.sheets.cells import Value
from results.writers.sheets.sheet import Column
from results.writers.sheets.table import Table
from schemas.case import Tolerance
from schemas.record import OutputComparison, Record

_COMPARISONS = (
    Column("case", 60),
    Column("outcome", 10),
    Column("output", 30),
    Column("dtype", 12),
    Column("shape", 18),
    Column("passed", 8),
    Column("PCC", 12),
    Column("required PCC", 10),
    Column("max abs error", 13),
    Column("required atol", 10),
    Column("relative atol", 13),
    Column("required relative atol", 10),
    Column("max rel error", 13),
    Column("required rtol", 10),
    Column("cosine", 12),
    Column("mismatched", 11),
    Column("elements", 10),
    Column("worst index", 14),
    Column("reason", 50),
    Column("unasserted", 50),
)
_INTERMEDIATES = (
    Column("case", 60),
    Column("outcome", 10),
    Column("number", 8),
    Column("value", 50),
    Column("dtype", 12),
    Column("shape", 18),
    Column("PCC", 12),
    Column("max abs error", 13),
    Column("relative atol", 13),
    Column("mismatched", 11),
    Column("elements", 10),
    Column("reason", 50),
)
_TOKENS = (
    Column("case", 60),
    Column("outcome", 10),
    Column("output", 24),
    Column("sequence", 9),
    Column("passed", 8),
    Column("first difference", 10),
    Column("reason", 60),
    Column("unasserted", 60),
    Column("expected", 80),
    Column("actual", 80),
)
_CHECKS = (
    Column("case", 60),
    Column("outcome", 10),
    Column("disabled", 16),
    Column("would fail", 8),
    Column("what would have failed", 90),
    Column("issue", 60),
)
_CASTS = (Column("case", 60), Column("outcome", 10), Column("casts", 90))
_TOLERANCE = Tolerance()


def _compared_outputs(record: Record) -> Iterator[list[Value]]:
    for compared in record.comparisons:
        yield _compared(record, compared)


def _compared(record: Record, compared: OutputComparison) -> list[Value]:
    wanted = record.tolerance or _TOLERANCE
    worst = compared.worst_index
    return [
        record.case,
        record.outcome,
        compared.output,
        compared.dtype,
        _numbers(compared.shape),
        "yes" if compared.passed else "no",
        compared.pcc,
        wanted.pcc,
        compared.max_abs,
        wanted.atol,
        compared.relative_atol,
        wanted.relative_atol,
        compared.max_rel,
        wanted.rtol,
        compared.cosine,
        compared.mismatched,
        compared.total,
        _numbers(worst) if worst is not None else None,
        compared.reason,
        compared.unasserted,
    ]


def _diverging(record: Record) -> Iterator[list[Value]]:
    for number, each in enumerate(record.intermediates, 1):
        yield [
            record.case,
            record.outcome,
            number,
            each.output,
            each.dtype,
            _numbers(each.shape),
            each.pcc,
            each.max_abs,
            each.relative_atol,
            each.mismatched,
            each.total,
            each.reason,
        ]


def _numbers(values: Sequence[int]) -> str:
    return f"[{', '.join(map(str, values))}]"


def _tokens(record: Record) -> Iterator[list[Value]]:
    for each in record.tokens:
        yield [
            record.case,
            record.outcome,
            each.output,
            each.sequence,
            "yes" if each.passed else "no",
            each.first_difference,
            each.reason,
            each.unasserted,
            each.expected,
            each.actual,
        ]


def _checks(record: Record) -> Iterator[list[Value]]:
    if record.checks is not None:
        found = let_pass(record)
        would = "yes" if found else "no"
        names = ", ".join(disabled(record))
        yield [record.case, record.outcome, names, would, "; ".join(found), record.checks.issue]


def _casts(record: Record) -> Iterator[list[Value]]:
    if record.casts:
        yield [record.case, record.outcome, "; ".join(map(cast_text, record.casts))]


#: One row an output that was compared.
COMPARISONS = Table(name="Comparisons", columns=_COMPARISONS, rows=_compared_outputs)
#: One row a value between inputs and outputs that diverges, in the program's order.
INTERMEDIATES = Table(name="Intermediates", columns=_INTERMEDIATES, rows=_diverging, always=False)
#: One row a sequence of tokens.
TOKENS = Table(name="Tokens", columns=_TOKENS, rows=_tokens, always=False)
#: One row a case with a disabled check, and what that would have said.
CHECKS = Table(name="Checks", columns=_CHECKS, rows=_checks, always=False)
#: One row a case whose inputs were given in another element type.
CASTS = Table(name="Casts", columns=_CASTS, rows=_casts, always=False)

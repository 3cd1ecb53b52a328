"""Operations over all models: what blocks most of them, how they fail, who uses which, and the framework's own view."""

from __future__ import annotations

from results.ops.ask import Ops
from results.ops.rows import RUNGS, Blocking
from results.ops.text import attributes_text, status_text, types_text, why_text
from results.writers.sheets.book import Book
from results.writers.sheets.cells import Value
from results.writers.sheets.ops_statuses import rungs, shares
from results.writers.sheets.sheet import Column
from results.writers.sheets.split import SplitTable

_BLOCKS = (
    Column("models blocked", 9),
    Column("freed by it alone", 9),
    Column("uses", 8),
    Column("unique", 8),
    Column("lowest rung", 22),
)
_HOW = (Column("stopped at", 10), Column("outcome", 10), Column("signature", 80))
_SHARES = (
    Column("compiled %", 10),
    Column("compiled", 11),
    Column("executed %", 10),
    Column("executed", 11),
    Column("verified %", 10),
    Column("verified", 11),
)
_BLOCKING = (
    Column("op", 40),
    Column("backend", 10),
    Column("target", 14),
    *_BLOCKS,
    Column("ways to fail", 8),
    *_HOW,
    Column("models", 90),
)
_SIGNATURES = (*_HOW, Column("target", 14), *_BLOCKS, Column("ops", 60), Column("models", 90))
_MODELS_PER_OP = (
    Column("op", 34),
    Column("backend", 10),
    Column("target", 14),
    Column("models", 8),
    Column("uses", 8),
    Column("status", 22),
    Column("outcome", 10),
    Column("verified", 9),
    Column("why", 50),
    Column("operands", 44),
    Column("results", 26),
    Column("attributes", 40),
    Column("op digest", 12),
    Column("models by name", 90),
)
_FRAMEWORK = (
    Column("framework op", 34),
    Column("backend", 10),
    Column("target", 14),
    Column("unique ops", 9),
    Column("models", 8),
    *(Column(status_text(rung), 13) for rung in range(RUNGS)),
    Column("uses", 8),
    *_SHARES,
    Column("unknown errors", 9),
    Column("timeouts", 9),
    Column("crashes", 8),
)
_DIGEST = 12


def write_blocking(book: Book, ops: Ops) -> None:
    """Operations that keep models from passing, the one that blocks most models first."""
    table = SplitTable(book, "Blocking Ops", _BLOCKING, keep=1)
    for each in ops.blocking:
        how = (each.ways, each.stopped, each.outcome, each.signature)
        table.row([each.name, each.backend, each.target, *_blocks(each), *how, _named(each.named, each.models)])
    table.close()


def write_signatures(book: Book, ops: Ops) -> None:
    """Ways to fail, likewise."""
    table = SplitTable(book, "Failure Signatures", _SIGNATURES)
    for each in ops.signatures:
        named = (", ".join(each.operations), _named(each.named, each.models))
        table.row([each.stopped, each.outcome, each.signature, each.target, *_blocks(each), *named])
    table.close()


def write_models_per_op(book: Book, ops: Ops) -> None:
    """Every unique operation and the models that use it."""
    table = SplitTable(book, "Models per Op", _MODELS_PER_OP, keep=1)
    for group in ops.operations():
        result = group.example
        told: list[Value] = [None] * 7
        if result is not None:
            told = [
                status_text(result.status),
                result.outcome.value,
                None if result.verified is None else ("yes" if result.verified else "no"),
                why_text(result) or None,
                types_text(result.key.operands),
                types_text(result.results),
                attributes_text(result.key),
            ]
        names = _named(ops.models_of(group), group.models)
        counts = (group.models, group.counts.uses)
        table.row([group.name, group.backend, group.target, *counts, *told, group.digest[:_DIGEST], names])
    table.close()


def write_framework(book: Book, ops: Ops) -> None:
    """Every operation by the framework's name: how many different ones there are, and how far they came."""
    table = SplitTable(book, "Ops per Framework Op", _FRAMEWORK, keep=1)
    for group in ops.framework():
        counts = group.counts
        ends = (counts.unknown_errors or None, counts.timeouts or None, counts.crashes or None)
        names = (group.name, group.backend, group.target)
        table.row([*names, counts.unique, group.models, *rungs(counts), counts.uses, *shares(counts), *ends])
    table.close()


def _blocks(each: Blocking) -> tuple[Value, ...]:
    return each.models, each.frees, each.uses, each.unique, status_text(each.lowest)


def _named(models: tuple[str, ...], count: int) -> str:
    more = count - len(models)
    return ", ".join(models) + (f" … and {more} more" if more > 0 else "")

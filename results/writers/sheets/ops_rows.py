"""Places of models become rows: all of them, those that do not execute, and one sheet a model."""

from __future__ import annotations

import msgspec

from results.ops.ask import Ops
from results.ops.names import sheet_names
from results.ops.rows import OpRow
from results.ops.text import attributes_text, figures, status_text, step_seconds, types_text, why_text
from results.writers.sheets.book import Book
from results.writers.sheets.cells import Value
from results.writers.sheets.sheet import Column, Sheet
from results.writers.sheets.split import SplitTable
from schemas.ops import OpResult
from schemas.opwords import OpStatus
from schemas.words import Depth

#: More sheets make a workbook that nobody opens; the index says where the others' operations are.
MODEL_SHEETS = 200
_EXCERPT = 2000

_WHERE = (Column("model", 34), Column("target", 14), Column("backend", 10), Column("index", 7))
_OP = (Column("op", 34), Column("node", 26))
_RESULT = (
    Column("status", 7),
    Column("reached", 20),
    Column("outcome", 9),
    Column("stopped at", 10),
    Column("verified", 9),
    Column("PCC", 10),
    Column("max abs error", 12),
    Column("relative atol", 12),
    Column("why", 60),
    Column("operands", 44),
    Column("results", 26),
    Column("attributes", 40),
    Column("dispatches", 10),
    Column("seconds", 9),
    Column("compile s", 9),
    Column("run s", 9),
    Column("seconds a call", 11),
    Column("reused", 7),
    Column("op digest", 12),
)
_ALL = (*_WHERE, *_OP, *_RESULT, Column("graph", 6), Column("group", 12), Column("bundle", 24), Column("case", 50))
_FAILING = (*_ALL, Column("excerpt", 80), Column("reproduce", 60))
_MODEL = (Column("target", 14), Column("index", 7), *_OP, *_RESULT, Column("case", 40))
_DIGEST = 12


class ModelSheet(msgspec.Struct, frozen=True):
    """Where a model's operations are: its sheet, and its first row among all."""

    sheet: str
    first: str


class OpenRows:
    """The sheets of all models' places, made where their tabs are."""

    def __init__(self, book: Book, ops: Ops) -> None:
        self._book = book
        self._ops = ops
        self._failing = SplitTable(book, "All Ops Not Executing", _FAILING, keep=1)
        self._everything = SplitTable(book, "All Ops", _ALL, keep=1)

    def fill(self) -> dict[str, ModelSheet]:
        """One walk over all places fills these and one sheet a model, the last tabs. Where each model's places are."""
        names = _chosen(self._ops)
        own = _OwnSheet(self._book, names)
        compiled_only = (each.info.case for each in self._ops.cases if each.info.depth is Depth.COMPILE_OP_BY_OP)
        goals = dict.fromkeys(compiled_only, OpStatus.COMPILED)
        places: dict[str, ModelSheet] = {}
        cells = _Cells()
        for row in self._ops.rows():
            result = cells.result(row)
            values: list[Value] = [row.model, row.target, row.backend, row.index, row.name, row.node, *result]
            values += [row.graph or None, row.group, row.bundle, row.case]
            self._everything.row(values)
            if row.model not in places:
                places[row.model] = ModelSheet(names.get(row.model, ""), self._everything.place)
            if row.status is not None and row.status < goals.get(row.case, OpStatus.EXECUTED):
                self._failing.row([*values, _excerpt(row.result), row.reproduce])
            own.row(row.model, [row.target, row.index, row.name, row.node, *result, row.case])
        for table in (self._everything, self._failing, own):
            table.close()
        return places


def _chosen(ops: Ops) -> dict[str, str]:
    """The models that get a sheet: where they are too many, those with most failing operations."""
    failed: dict[str, int] = {}
    for case in ops.cases:
        if case.counts.uses + case.skipped:
            failed[case.info.model] = failed.get(case.info.model, 0) + case.counts.failed
    names = sheet_names(failed)
    kept = sorted(failed, key=lambda model: (-failed[model], model))[:MODEL_SHEETS]
    return {model: names[model] for model in kept}


class _OwnSheet:
    """The sheet of the model whose rows are coming; places come model by model."""

    def __init__(self, book: Book, names: dict[str, str]) -> None:
        self._book = book
        self._names = names
        self._sheet: Sheet | None = None
        self._model = ""

    def row(self, model: str, values: list[Value]) -> None:
        if model != self._model or self._sheet is None:
            if model not in self._names:
                return
            self.close()
            self._model = model
            self._sheet = Sheet.table(self._book, self._names[model], _MODEL, 4)
        self._sheet.row(values)

    def close(self) -> None:
        if self._sheet is not None:
            self._sheet.close("All Ops has them")


class _Cells:
    """A result's cells, made once for the uses that follow each other."""

    def __init__(self) -> None:
        self._of: tuple[OpResult, tuple[Value, ...]] | None = None

    def result(self, row: OpRow) -> tuple[Value, ...]:
        result = row.result
        if result is None:
            return _without(row)
        if self._of is None or self._of[0] is not result:
            self._of = (result, _cells(result))
        return self._of[1]


def _without(row: OpRow) -> tuple[Value, ...]:
    if row.skip:
        why = f"{row.skip}: {row.why}" if row.why else row.skip
        told: tuple[Value, ...] = (None, "skipped", None, None, None, None, None, None, why)
    else:
        told = (0, status_text(0), "unknown", None, None, None, None, None, row.why)
    return (*told, *(None,) * (len(_RESULT) - len(told) - 1), row.digest[:_DIGEST] or None)


def _cells(result: OpResult) -> tuple[Value, ...]:
    worst = figures(result)
    return (
        int(result.status),
        status_text(result.status),
        result.outcome.value,
        result.stopped or None,
        None if result.verified is None else ("yes" if result.verified else "no"),
        worst.pcc,
        worst.max_abs,
        worst.relative_atol,
        why_text(result) or None,
        types_text(result.key.operands),
        types_text(result.results),
        attributes_text(result.key),
        result.dispatches,
        round(result.seconds, 3),
        _rounded(step_seconds(result, "compile")),
        _rounded(step_seconds(result, "run")),
        result.profile.seconds if result.profile is not None else None,
        "yes" if result.reused else None,
        result.digest[:_DIGEST],
    )


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _excerpt(result: OpResult | None) -> str | None:
    return result.error.excerpt[:_EXCERPT] if result is not None and result.error is not None else None

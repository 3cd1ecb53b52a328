"""Questions to the joined tables: cases, places in order, groups of operations, and what blocks models."""

from __future__ import annotations

import functools
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from results.ops.blocking import Failing, by_operation, by_signature
from results.ops.rows import RUNGS, Blocking, CaseInfo, CaseOps, Counts, OpGroup, OpRow, Standing
from results.ops.table import Tables
from results.spans import Spans
from schemas.ops import OpResult
from schemas.report import OpsSummary

_RESULT: msgspec.json.Decoder[OpResult] = msgspec.json.Decoder(OpResult)
_FAILED = "(p.skip IS NULL AND (r.id IS NULL OR r.outcome <> 'PASS' OR r.verified = 0))"
_RUNGS = ", ".join(f"SUM(p.skip IS NULL AND IFNULL(r.status, 0) = {rung})" for rung in range(RUNGS))
_COUNTS = f"""
COUNT(*) - COUNT(p.skip), COUNT(DISTINCT CASE WHEN p.skip IS NULL THEN p.digest END), SUM(r.verified = 1),
COUNT(r.verified), SUM({_FAILED}), SUM(r.outcome = 'TIMEOUT'), SUM(r.outcome = 'CRASH'), SUM(r.unknown),
SUM(p.skip IS NULL AND r.id IS NULL), {_RUNGS}"""
_NUMBERS = 9 + RUNGS
_JOINED = "FROM places p LEFT JOIN results r ON r.id = p.result"
_MODELS = 25  # named of a group

_CASES = f"""
SELECT p.case_, p.target, MIN(p.model), MIN(p.model_group), MIN(p.backend), COUNT(p.skip),
       COUNT(DISTINCT CASE WHEN r.reused THEN r.digest END), {_COUNTS} {_JOINED} GROUP BY p.case_"""
_IN_FLIGHT = """
SELECT s.case_, COUNT(DISTINCT s.digest) FROM started s JOIN standing t ON t.case_ = s.case_
WHERE NOT EXISTS (SELECT 1 FROM results r WHERE r.digest = s.digest AND r.target = s.target AND r.file = s.file)
GROUP BY s.case_"""
_ROWS = """
SELECT p.target, p.model, p.backend, p.idx, p.name, p.digest, p.skip, p.result, u.model_group, u.node, u.graph, u.why
FROM places p JOIN uses u ON u.rowid = p.use_ WHERE p.case_ = ? ORDER BY p.idx"""
_OPERATIONS = f"""
SELECT p.target, p.backend, p.name, p.digest, COUNT(DISTINCT p.model), MIN(p.result), {_COUNTS} {_JOINED}
WHERE p.skip IS NULL GROUP BY p.target, p.backend, p.name, p.digest ORDER BY p.backend, p.name, p.target, p.digest"""
_FAILING = f"""
SELECT p.target, p.backend, p.name, IFNULL(r.stopped, ''), IFNULL(r.outcome, 'no result'), IFNULL(r.signature, ''),
       p.case_, p.model, p.digest, IFNULL(r.status, 0), COUNT(*) {_JOINED} WHERE {_FAILED}
GROUP BY 1, 2, 3, 4, 5, 6, 7, 9, 10 ORDER BY MIN(p.rowid)"""
_PLACE = "SELECT source, file, offset, length FROM results WHERE id = ?"
_KEPT = """
SELECT source, file, offset, length FROM results
WHERE digest = ? AND target = ? AND bundle ORDER BY fingerprint LIMIT 1"""
_FRAMEWORK = f"""
SELECT p.target, p.backend, p.name, '', COUNT(DISTINCT p.model), NULL, {_COUNTS} {_JOINED}
WHERE p.skip IS NULL GROUP BY p.target, p.backend, p.name ORDER BY p.backend, p.name, p.target"""


class Found(msgspec.Struct, frozen=True):
    """A result with its kept program, or that of whoever ran it."""

    result: OpResult
    bundle: str
    reproduce: str


class Ops:
    """The joined operations of a report. ``infos``: its cases that go op by op, also those without operations."""

    def __init__(self, tables: Tables, spans: Spans, labels: Mapping[int, str], infos: Mapping[str, CaseInfo]) -> None:
        self._tables = tables
        self._spans = spans
        self._labels = labels
        self._infos = infos
        self._cached = functools.lru_cache(maxsize=512)(self._read)

    @functools.cached_property
    def cases(self) -> tuple[CaseOps, ...]:
        """Every case that goes op by op, by model and case."""
        flying = dict(self._tables.rows(_IN_FLIGHT))
        found: dict[str, CaseOps] = {}
        for case, target, model, group, backend, skipped, reused, *numbers in self._tables.rows(_CASES):
            suite = case.split("/", 1)[0]
            info = self._infos.get(case) or CaseInfo(case=case, suite=suite, target=target, model=model)
            found[case] = CaseOps(
                info=info if info.group else msgspec.structs.replace(info, group=group),
                backend=backend,
                counts=_counts(numbers),
                skipped=skipped,
                reused=reused,
                in_flight=flying.get(case, 0),
            )
        for case, info in self._infos.items():
            found.setdefault(case, _empty(info, flying.get(case, 0)))
        return tuple(sorted(found.values(), key=lambda each: (each.info.model, each.info.case)))

    @functools.cached_property
    def totals(self) -> Counts:
        """Over everything; ``unique`` counts an operation once a target."""
        (numbers,) = self._tables.rows(f"SELECT {_COUNTS} {_JOINED}")
        (unique,) = next(
            self._tables.rows("SELECT COUNT(*) FROM (SELECT 1 FROM places WHERE skip IS NULL GROUP BY target, digest)")
        )
        return msgspec.structs.replace(_counts(list(numbers)), unique=unique)

    def summary(self) -> OpsSummary:
        """What the report's head says."""
        totals = self.totals
        standings = Counter(each.standing for each in self.cases)
        return OpsSummary(
            cases=len(self.cases),
            uses=totals.uses,
            unique=totals.unique,
            skipped=sum(each.skipped for each in self.cases),
            by_status=totals.by_status,
            verified=totals.verified,
            compared=totals.compared,
            failed=totals.failed,
            timeouts=totals.timeouts,
            crashes=totals.crashes,
            unknown_errors=totals.unknown_errors,
            no_result=totals.no_result,
            standings={each.value: standings[each] for each in Standing},
        )

    def rows(self) -> Iterator[OpRow]:
        """Every place once, by model, case and index."""
        for case in self.cases:
            yield from self.rows_of(case.info.case)

    def rows_of(self, case: str) -> Iterator[OpRow]:
        """Every place of a case once, by index."""
        for target, model, backend, index, name, digest, skip, number, group, node, graph, why in self._tables.rows(
            _ROWS, (case,)
        ):
            found = self.found(number) if number is not None else None
            absent = self._absent(target, digest) if found is None and skip is None else ""
            yield OpRow(
                case=case,
                target=target,
                model=model,
                group=group,
                backend=backend,
                index=index,
                name=name,
                digest=digest,
                node=node,
                graph=graph,
                skip=skip or "",
                why="; ".join(filter(None, (why, absent))),
                result=found.result if found is not None else None,
                number=number,
                bundle=found.bundle if found is not None else "",
                reproduce=found.reproduce if found is not None else "",
            )

    def found(self, number: int) -> Found:
        """The result with a row's ``number``; those asked for lately are at hand."""
        return self._cached(number)

    def operations(self) -> Iterator[OpGroup]:
        """Every unique operation of every target, by backend and name, with an example of its results."""
        return self._groups(_OPERATIONS)

    def framework(self) -> Iterator[OpGroup]:
        """Every framework operation of every target, by backend and name."""
        return self._groups(_FRAMEWORK)

    def models_of(self, group: OpGroup) -> tuple[str, ...]:
        """The first models that use an operation."""
        text = "SELECT DISTINCT model FROM places WHERE digest = ? AND target = ? AND skip IS NULL ORDER BY 1 LIMIT ?"
        return tuple(model for (model,) in self._tables.rows(text, (group.digest, group.target, _MODELS)))

    @functools.cached_property
    def blocking(self) -> tuple[Blocking, ...]:
        """Operations by name, the one that blocks most models first."""
        return by_operation(self._failing())

    @functools.cached_property
    def signatures(self) -> tuple[Blocking, ...]:
        """Ways to fail, the one that blocks most models first."""
        return by_signature(self._failing())

    def failing_names(self) -> dict[str, tuple[str, ...]]:
        """The names of each case's failing operations, the most frequent first."""
        found: dict[str, Counter[str]] = defaultdict(Counter)
        for each in self._failing():
            found[each.case][each.name] += each.uses
        return {case: tuple(sorted(names, key=lambda n: (-names[n], n))) for case, names in found.items()}

    def _failing(self) -> Iterator[Failing]:
        return (Failing(*row) for row in self._tables.rows(_FAILING))

    def _groups(self, text: str) -> Iterator[OpGroup]:
        for target, backend, name, digest, models, result, *numbers in self._tables.rows(text):
            yield OpGroup(
                target=target,
                backend=backend,
                name=name,
                digest=digest,
                counts=_counts(numbers),
                models=models,
                example=self.found(result).result if result is not None else None,
            )

    def _read(self, number: int) -> Found:
        """A result; where it was taken over, with the bundle and command of whoever ran it."""
        (row,) = self._tables.rows(_PLACE, (number,))
        result = self._decoded(*row[1:])
        bundle, reproduce = self._kept(row[0], result), result.reproduce
        if result.reused and not bundle:
            for source, *place in self._tables.rows(_KEPT, (result.digest, result.target)):
                other = self._decoded(*place)
                bundle, reproduce = self._kept(source, other), reproduce or other.reproduce
        return Found(result, bundle, reproduce)

    def _decoded(self, file: int, offset: int, length: int) -> OpResult:
        return _RESULT.decode(self._spans.read(self._tables.files[file], offset, length))

    def _kept(self, source: int, result: OpResult) -> str:
        label = self._labels[source]
        return f"{label}/{result.bundle}" if result.bundle and label not in ("", ".") else result.bundle

    def _absent(self, target: str, digest: str) -> str:
        if not digest:
            return "its journal names no operation"
        begun = self._tables.rows("SELECT 1 FROM started WHERE digest = ? AND target = ? LIMIT 1", (digest, target))
        return "begun, and no journal has its result" if next(begun, None) else "no journal has its result"


def _counts(numbers: Sequence[int | None]) -> Counts:
    """From the columns of ``_COUNTS``; of no rows the database says NULL."""
    uses, unique, verified, compared, failed, timeouts, crashes, unknown, absent, *by_status = (
        number or 0 for number in numbers
    )
    return Counts(
        uses=uses,
        unique=unique,
        by_status=tuple(by_status),
        verified=verified,
        compared=compared,
        failed=failed,
        timeouts=timeouts,
        crashes=crashes,
        unknown_errors=unknown + absent,
        no_result=absent,
    )


def _empty(info: CaseInfo, in_flight: int) -> CaseOps:
    counts = _counts([0] * _NUMBERS)
    return CaseOps(info=info, backend="", counts=counts, skipped=0, reused=0, in_flight=in_flight)

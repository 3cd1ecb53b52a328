"""Places joined with the results of their operations: every place of every case that stands, exactly once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping

from results.ops.table import Tables
from schemas.opwords import OpTotals
from schemas.report import Problem, ProblemKind

#: The places that stand, in the order of models, cases and places, each with its result or without. ``own``: that is of
#: the same journal.
_PLACES = """
CREATE TABLE places AS
SELECT u.rowid AS use_, u.source AS source, u.case_ AS case_, u.idx AS idx, u.target AS target, u.model AS model,
       u.model_group AS model_group, u.backend AS backend, u.name AS name, u.digest AS digest, u.skip AS skip,
       r.id AS result, r.id IS NOT NULL AS own
FROM standing s CROSS JOIN uses u ON u.source = s.source AND u.case_ = s.case_
LEFT JOIN results r ON u.skip IS NULL AND r.file = u.file AND r.target = u.target AND r.digest = u.digest
ORDER BY u.model, u.case_, u.idx
"""
#: A result that the place's own journal lacks: of its shard, else of another; a measured one before one that was taken
#: over; the worst, so that none hides a failure; then by content, so that no order of the inputs matters.
_ELSEWHERE = """
UPDATE places SET result = IFNULL(
  (SELECT r.id FROM results r WHERE r.digest = places.digest AND r.target = places.target AND r.source = places.source
   ORDER BY r.reused, r.status, r.outcome = 'PASS', r.fingerprint LIMIT 1),
  (SELECT r.id FROM results r WHERE r.digest = places.digest AND r.target = places.target
   ORDER BY r.reused, r.status, r.outcome = 'PASS', r.fingerprint LIMIT 1)
) WHERE result IS NULL AND skip IS NULL"""
_TOTALS = """
SELECT p.case_, p.backend, COUNT(r.id), COUNT(DISTINCT r.digest), COUNT(p.skip),
       SUM(r.verified = 1), COUNT(r.verified), SUM(r.outcome = 'TIMEOUT'), SUM(r.outcome = 'CRASH'), SUM(r.unknown),
       SUM(r.status = 0), SUM(r.status = 1), SUM(r.status = 2), SUM(r.status = 3),
       SUM(r.status = 4), SUM(r.status = 5), SUM(r.status = 6), SUM(r.status = 7)
FROM places p LEFT JOIN results r ON r.id = p.result AND p.own
GROUP BY p.case_ ORDER BY p.case_
"""
_FIELDS = ("uses", "unique", "skipped", "verified", "compared", "timeouts", "crashes", "unknown errors")


def settle(
    tables: Tables,
    standing: Mapping[str, str],
    labels: Mapping[int, str],
    told: Mapping[str, OpTotals],
    *,
    planned: bool,
) -> Iterator[Problem]:
    """Joins. ``standing``: each case of the report and the label of the source that decided it; ``labels``: of sources.

    ``told`` are the totals of the records, which must be those of the journals. The problems found.
    """
    tables.run("CREATE TABLE standing (case_ TEXT PRIMARY KEY, source INTEGER)")
    chosen, strangers = _choose(tables, standing, labels, planned=planned)
    tables.run_many("INSERT INTO standing VALUES (?, ?)", sorted(chosen.items()))
    tables.run(_PLACES)
    tables.run("CREATE INDEX by_digest ON results (digest, target)")
    tables.run(_ELSEWHERE)
    tables.run("CREATE INDEX by_case ON places (case_, idx)")
    tables.run("CREATE INDEX by_operation ON places (digest, target)")
    yield from strangers
    yield from _differences(tables, told, {case: labels[source] for case, source in chosen.items()})


def _choose(
    tables: Tables, standing: Mapping[str, str], labels: Mapping[int, str], *, planned: bool
) -> tuple[dict[str, int], list[Problem]]:
    """The one source whose places of a case count: that of its record where that has any."""
    found: dict[str, list[int]] = defaultdict(list)
    for case, source in tables.rows("SELECT DISTINCT case_, source FROM uses"):
        found[case].append(source)
    chosen = {
        case: min(sources, key=lambda source: (labels[source] != standing.get(case), labels[source], source))
        for case, sources in found.items()
    }
    foreign = sorted(case for case in chosen if case not in standing)
    if not foreign:
        return chosen, []
    if planned:
        for case in foreign:
            del chosen[case]
        text = "operations of cases that were not planned for this run; they are not counted"
        return chosen, [Problem(kind=ProblemKind.UNPLANNED, text=text, cases=tuple(foreign))]
    text = "operations of cases that have no record; they are shown without one"
    return chosen, [Problem(kind=ProblemKind.DAMAGED, text=text, cases=tuple(foreign))]


def _differences(tables: Tables, told: Mapping[str, OpTotals], labels: Mapping[str, str]) -> Iterator[Problem]:
    """Cases whose record counts other operations than their journal holds."""
    seen: set[str] = set()
    for case, backend, *numbers in tables.rows(_TOTALS):
        seen.add(case)
        totals = told.get(case)
        if totals is not None:
            counted = [number or 0 for number in numbers]
            texts = list(_compared(totals, str(backend), counted[: len(_FIELDS)], counted[len(_FIELDS) :]))
            if texts:
                yield _problem("; ".join(texts), labels[case], case)
    for case in sorted(_owing(told, seen)):
        yield _problem(f"record: {told[case].uses} uses, journal: none", "", case)


def _owing(told: Mapping[str, OpTotals], seen: Collection[str]) -> Iterator[str]:
    return (case for case, totals in told.items() if case not in seen and totals.uses + totals.skipped)


def _compared(totals: OpTotals, backend: str, counted: list[int], by_status: list[int]) -> Iterator[str]:
    for name, mine in zip(_FIELDS, counted, strict=True):
        theirs = getattr(totals, name.replace(" ", "_"))
        if theirs != mine:
            yield f"record: {theirs} {name}, journal: {mine}"
    if list(totals.by_status) != by_status:
        yield f"record: {list(totals.by_status)} uses by status, journal: {by_status}"
    if totals.backend != backend:
        yield f"record: backend {totals.backend}, journal: {backend}"


def _problem(text: str, file: str, case: str) -> Problem:
    return Problem(kind=ProblemKind.OPS_DIFFER, text=text, file=file, cases=(case,))

"""Disabled checks become notes of what they would have said, and are held against what a worker calls a pass. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from results.measured import sequence_name
from runner.signature import NOTHING_COMPARED
from schemas.case import Case, Checks
from schemas.record import OutputComparison, TokenComparison

_NAMED = 3  # outputs in a note; the record has all of them


def any_disabled(checks: Checks) -> bool:
    """Whether some check of the comparison does not decide."""
    return not (checks.pcc and checks.atol and checks.tokens)


def below(measured: float | None, required: float | None) -> bool:
    """Whether a correlation is required, defined, and too low."""
    return required is not None and measured is not None and not measured >= required


def disproof(
    checks: Checks, comparisons: Sequence[OutputComparison], tokens: Sequence[TokenComparison] = ()
) -> str | None:
    """Why these comparisons are no pass: a signature; None where they are one.

    All must have passed and something must have been compared. An element may differ only where elements do not
    decide: their check is disabled and what it found is told, or their text was compared.
    """
    texts = {each.output for each in tokens}
    if not all(each.passed for each in tokens):
        return "tokens differ"
    if any(each.unasserted for each in tokens) and checks.tokens:
        return "tokens differ"
    for each in comparisons:
        excused = each.output in texts or (bool(each.unasserted) and not checks.atol)
        if not each.passed or (each.mismatched and not excused):
            return "values differ"
    return None if sum(each.total for each in comparisons) > 0 else NOTHING_COMPARED


def notes_on_checks(
    case: Case, comparisons: Sequence[OutputComparison], tokens: Sequence[TokenComparison] = ()
) -> tuple[str, ...]:
    """One note for each disabled check: ``PCC check disabled: y 0.5, required 0.99 (issue URL)``."""
    checks = case.checks
    if not comparisons or not any_disabled(checks):
        return ()
    texts = {each.output for each in tokens}
    numbers = [each for each in comparisons if each.output not in texts]
    found = {
        "PCC": (checks.pcc, [f"{c.output} {c.pcc!r}" for c in numbers if below(c.pcc, case.tolerance.pcc)]),
        "ATOL": (checks.atol, [f"{c.output} {c.mismatched} of {c.total} differ" for c in numbers if c.mismatched]),
        "token": (checks.tokens, [f"{sequence_name(each)} {each.unasserted}" for each in tokens if each.unasserted]),
    }
    required = {"PCC": f", required {case.tolerance.pcc!r}"}
    return tuple(
        f"{name} check disabled: {_listed(wrong, required.get(name, ''))} ({checks.issue or 'no issue given'})"
        for name, (asserted, wrong) in found.items()
        if not asserted
    )


def _listed(wrong: Sequence[str], required: str) -> str:
    if not wrong:
        return "it would have passed"
    more = f" and {len(wrong) - _NAMED} more outputs" if len(wrong) > _NAMED else ""
    return ", ".join(wrong[:_NAMED]) + more + required

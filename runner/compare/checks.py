"""An output's figures become what fails it, and what would have failed it had its check not been disabled. Pure."""

from __future__ import annotations

from typing import NamedTuple

from runner.disabled import below
from schemas.case import Checks, Tolerance

#: Signatures: without measured numbers, so that runs and machines agree on them.
PATTERN = "NaN or infinity differs"
VALUES = "values differ"
CORRELATION = "PCC too low"


class Measured(NamedTuple):
    """What of an output the checks look at."""

    patterns: int  # elements whose NaN, infinity or its sign is wrong
    mismatched: int
    total: int
    pcc: float | None


class Finding(NamedTuple):
    """``reason`` in words with numbers and ``failure``, its signature, where the output fails; ``unasserted`` apart."""

    reason: str = ""
    failure: str | None = None
    unasserted: str = ""


def judge_output(found: Measured, tolerance: Tolerance, checks: Checks, *, tokens: bool = False) -> Finding:
    """All that is wrong, the worst first. A wrong NaN or infinity fails whatever is disabled.

    The figures of ``tokens`` decide nothing: their text does.
    """
    if found.patterns:
        return Finding(f"{found.mismatched} of {found.total} elements differ, some in NaN or infinity", PATTERN)
    if tokens:
        return Finding()
    wrong: list[tuple[bool, str, str]] = []
    if found.mismatched:
        wrong.append((checks.atol, f"{found.mismatched} of {found.total} elements differ", VALUES))
    if below(found.pcc, tolerance.pcc):
        wrong.append((checks.pcc, f"PCC {found.pcc!r}, required {tolerance.pcc!r}", CORRELATION))
    return Finding(
        reason="; ".join(text for asserted, text, _ in wrong if asserted),
        failure=next((signature for asserted, _, signature in wrong if asserted), None),
        unasserted="; ".join(text for asserted, text, _ in wrong if not asserted),
    )

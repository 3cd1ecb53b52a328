"""A report as writers see it: the head in memory, the records as a sequence that may lie on disk."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from results.ops.ask import Ops
from schemas.case import Expectation
from schemas.record import ErrorInfo, Record
from schemas.report import ReportHead, Unchecked
from schemas.words import Outcome


class View(msgspec.Struct, frozen=True):
    """``records`` may be walked as often as a writer likes; each walk may read them from disk anew.

    ``ops`` are the operations of the cases that go op by op; None where there is none.
    """

    head: ReportHead
    records: Sequence[Record]
    ops: Ops | None = None


def title(head: ReportHead) -> str:
    """``nightly-execute/cpu/3`` for a shard, the suites' names for a merged report."""
    if head.suite and head.target and head.shard is not None:
        return f"{head.suite}/{head.target}/{head.shard}"
    return ", ".join(head.suites) or "no suite"


def unchecked_text(counts: Unchecked) -> str:
    """``PASS with disabled checks: 3, of which 1 would fail``."""
    return f"PASS with disabled checks: {counts.passed}, of which {counts.would_fail} would fail"


def modules_text(head: ReportHead) -> str:
    """``Modules: compiled 3, from cache 12``; empty where none was wanted."""
    compiled = sum(group.modules_compiled for group in head.groups)
    cached = sum(group.modules_from_cache for group in head.groups)
    return f"Modules: compiled {compiled}, from cache {cached}" if compiled or cached else ""


def together_text(head: ReportHead) -> str:
    """``3 of 120 joined verdicts were judged again alone, all agreed``; empty where none was joined."""
    joined = sum(group.together.joined for group in head.groups)
    again = sum(group.together.again for group in head.groups)
    differed = sum(group.together.differed for group in head.groups)
    how = f"{differed} did not agree" if differed else "all agreed"
    return f"{again} of {joined} joined verdicts were judged again alone, {how}" if joined else ""


#: Outcomes of a case that went wrong by itself (not MISSING, which nobody saw; not XPASS, which went right).
FAILED = frozenset({Outcome.FAIL, Outcome.CRASH, Outcome.TIMEOUT, Outcome.OOM, Outcome.INFRA})


def told(outcome: Outcome, exit_status: str, error: ErrorInfo | None) -> str:
    """An ending in words: ``PASS``, ``CRASH at compilation: SIGSEGV in iree-compile``."""
    where = f" at {exit_status}" if error is not None and exit_status != outcome else ""
    return f"{outcome}{where}{f': {error.signature}' if error is not None else ''}"


def both_ends(record: Record) -> tuple[str, str]:
    """How a case ended at first, and how when it was run again, in words; empty where it was not."""
    again = record.rerun
    first = told(record.outcome, record.exit_status, record.error)
    return first, told(again.outcome, again.exit_status, again.error) if again is not None else ""


def kind_of(outcome: Outcome, expectation: Expectation | None) -> Outcome | None:
    """FAIL, CRASH, TIMEOUT, OOM or INFRA: how the case really ended, expected or not; None where it did not fail."""
    if outcome is Outcome.XFAIL:
        return expectation.outcome if expectation is not None else Outcome.FAIL
    return outcome if outcome in FAILED else None

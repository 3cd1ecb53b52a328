"""All expected and all actual outputs become one comparison each, and one verdict."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple, Protocol

from runner.compare import figures
from runner.compare.checks import Measured, judge_output
from runner.compare.elements import differences
from runner.compare.tolerances import bound
from runner.signature import NOTHING_COMPARED
from runner.tensors import ELEMENT_TYPES, Array
from schemas.case import Checks, Tolerance
from schemas.record import OutputComparison


class Expected(Protocol):
    """A golden output."""

    @property
    def name(self) -> str:
        """Its name in the model."""

    @property
    def value(self) -> Array:
        """What it must be."""


class Verdict(NamedTuple):
    """The comparisons, and why they are no pass: a signature without measured numbers, None for a pass."""

    comparisons: tuple[OutputComparison, ...]
    signature: str | None


_ALL_CHECKS = Checks()


class _Judged(NamedTuple):
    comparison: OutputComparison
    failure: str | None


def compare(
    golden: Sequence[Expected],
    outputs: Sequence[Array],
    tolerance: Tolerance,
    checks: Checks = _ALL_CHECKS,
    tokens: Collection[int] = (),
) -> Verdict:
    """Compare outputs with golden ones, by position.

    Count, then type, then shape must be the same: nothing is broadcast and nothing is cast, except that integers of one
    width are read with the sign of the expected type, since IREE's function boundary has signless integers only. Every
    NaN and infinity must stand where it is expected. No element compared over all outputs is no pass. What a disabled
    check finds is measured and told, and fails nothing; nor do the figures of the outputs at the positions ``tokens``.
    """
    paired = [
        _one(each, actual, tolerance, checks, tokens=number in tokens)
        for number, (each, actual) in enumerate(zip(golden, outputs, strict=False))
    ]
    unpaired = [_missing(each) for each in golden[len(outputs) :]]
    unpaired += [_unexpected(n, each) for n, each in enumerate(outputs[len(golden) :], len(golden))]
    failures = [each.failure for each in unpaired + paired if each.failure]
    comparisons = tuple(each.comparison for each in paired + unpaired)
    if failures:
        return Verdict(comparisons, failures[0])
    compared = sum(each.total for each in comparisons)
    return Verdict(comparisons, None if compared else NOTHING_COMPARED)


def reasons_of(comparisons: Sequence[OutputComparison]) -> list[str]:
    """What is wrong with each output that is no pass, one line each."""
    return [f"{c.output}: {c.reason or 'no elements'}" for c in comparisons if not c.passed or not c.total]


def _missing(expected: Expected) -> _Judged:
    value = expected.value
    reason = "missing: the module returned fewer outputs"
    return _Judged(_failed(expected.name, value, reason), "output count differs")


def _unexpected(position: int, actual: Array) -> _Judged:
    reason = "unexpected: the model has no such output"
    return _Judged(_failed(f"output {position}", actual, reason), "output count differs")


def _failed(name: str, value: Array, reason: str) -> OutputComparison:
    return OutputComparison(output=name, dtype=value.dtype.name, shape=value.shape, passed=False, reason=reason)


def _one(golden: Expected, actual: Array, tolerance: Tolerance, checks: Checks, *, tokens: bool) -> _Judged:
    expected = golden.value
    actual = with_sign_of(expected, actual)
    if actual.dtype != expected.dtype:
        reason = f"dtype {actual.dtype.name}, expected {expected.dtype.name}"
        return _Judged(_failed(golden.name, actual, reason), reason)
    if actual.shape != expected.shape:
        reason = f"shape {actual.shape}, expected {expected.shape}"
        return _Judged(_failed(golden.name, actual, reason), "shape differs")
    found = differences(actual, expected, bound(expected.dtype.name, tolerance))
    correlation = figures.pcc(actual, expected)
    mismatched, total = int(found.mismatch.sum()), int(found.mismatch.size)
    measured = Measured(int(found.pattern.sum()), mismatched, total, correlation)
    finding = judge_output(measured, tolerance, checks, tokens=tokens)
    comparison = OutputComparison(
        output=golden.name,
        dtype=expected.dtype.name,
        shape=expected.shape,
        passed=finding.failure is None,
        max_abs=figures.max_abs(found),
        max_rel=figures.max_rel(found),
        pcc=correlation,
        mismatched=mismatched,
        total=total,
        worst_index=figures.worst_index(found),
        reason=finding.reason,
        relative_atol=figures.relative_atol(found),
        cosine=figures.cosine(actual, expected),
        unasserted=finding.unasserted,
    )
    return _Judged(comparison, finding.failure)


def with_sign_of(expected: Array, actual: Array) -> Array:
    """``actual`` with its bits read as the expected type, where both are integers of one width; else unchanged."""
    here, there = ELEMENT_TYPES.get(actual.dtype.name), ELEMENT_TYPES.get(expected.dtype.name)
    integers = "int" in actual.dtype.name and "int" in expected.dtype.name
    same = here is not None and there is not None and here.bits == there.bits
    return actual.view(expected.dtype) if integers and same else actual

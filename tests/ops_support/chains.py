"""Models of one operation after the other, and how their operations were run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.ops_support.suite import OpSuite, node

OPS = ("Abs", "Neg", "Exp", "Sin", "Ceil", "Floor")
#: Enough for a compiler for each half.
MANY = (
    *OPS,
    "Cos",
    "Tanh",
    "Sigmoid",
    "Relu",
    "Softplus",
    "Round",
    "Erf",
    "Sign",
    "Elu",
    "Atan",
    "Selu",
    "LeakyRelu",
)


def chain(faults: dict[str, str] | None = None, ops: Sequence[str] = OPS) -> list[Any]:
    """One operation after the other, each with the fault that is asked for."""
    faults = faults or {}
    names = ["x", *(f"v{number}" for number in range(len(ops)))]
    return [node(op, faults.get(op, op.lower()), [names[n]], names[n + 1]) for n, op in enumerate(ops)]


def counts(suite: OpSuite, name: str) -> tuple[float, float]:
    """Operations that were believed together, and those run again alone."""
    metrics = suite.record(name).metrics
    return metrics["ops_joined"], metrics["ops_rejudged"]

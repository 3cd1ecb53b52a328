"""Which provider took which nodes becomes a proof that the plug-in took them all, or a failure naming the others."""

from __future__ import annotations

from collections.abc import Sequence

from runner.failures import StageFailure
from runner.ortep.library import PROVIDER
from runner.ortep.messages import Assigned

_MOST = 15  # lines of an excerpt


def prove(assigned: Sequence[Assigned]) -> None:
    """Raise StageFailure unless there are nodes and every one belongs to the plug-in."""
    strays = [each for each in assigned if each.provider != PROVIDER]
    if strays:
        raise StageFailure(_signature(strays), _excerpt(strays, assigned))
    if not any(each.nodes for each in assigned):
        raise StageFailure(
            f"no node was assigned to {PROVIDER}",
            "the session has no node left that anything could run: nothing would be proved",
        )


def _signature(strays: Sequence[Assigned]) -> str:
    """``not assigned to IREE: CPUExecutionProvider has Abs, Neg``: equal in every run; nodes' names may not be."""
    taken: dict[str, set[str]] = {}
    for each in strays:
        taken.setdefault(each.provider, set()).update(each.operators)
    told = (f"{provider} has {', '.join(sorted(operators))}" for provider, operators in sorted(taken.items()))
    return f"not assigned to {PROVIDER}: {'; '.join(told)}"


def _excerpt(strays: Sequence[Assigned], assigned: Sequence[Assigned]) -> str:
    lines = [
        f"{operator} {node or '(unnamed)'}: {each.provider}"
        for each in strays
        for operator, node in zip(each.operators, each.nodes, strict=True)
    ]
    total = sum(len(each.nodes) for each in assigned)
    more = [f"and {len(lines) - _MOST} more"] if len(lines) > _MOST else []
    return "\n".join([f"{len(lines)} of {total} nodes would not have run on {PROVIDER}:", *lines[:_MOST], *more])

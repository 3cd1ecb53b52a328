"""Backends: which flags make the compiler generate code for a target, and what runs it."""

from __future__ import annotations

from runner.backends.registry import BACKENDS, Backend
from schemas.errors import UsageError
from schemas.target import Target

__all__ = ["BACKENDS", "Backend", "backend_of", "compile_flags"]


def backend_of(target: Target) -> Backend:
    """What the target's ``backend`` stands for; raises UsageError if unknown."""
    backend = BACKENDS.get(target.backend)
    if backend is None:
        raise UsageError(
            f"target {target.name}: the runner has no backend {target.backend!r}",
            f"use one of {', '.join(sorted(BACKENDS))}",
        )
    return backend


def compile_flags(target: Target, given: tuple[str, ...], tuned: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The backend's flags and those of the case's tuning, less what ``given`` sets itself, then ``given``.

    Raises UsageError for an unknown backend.
    """
    names = {_name(flag) for flag in given}
    ours = (*backend_of(target).select(target), *tuned)
    return (*(flag for flag in ours if _name(flag) not in names), *given)


def _name(flag: str) -> str:
    return flag.split("=", 1)[0]

"""Backends: which flags make the compiler generate code for a target."""

from __future__ import annotations

from collections.abc import Callable

from schemas.errors import UsageError
from schemas.target import Target

_LOCAL = "--iree-hal-target-device=local"


def _llvm_cpu(_target: Target) -> tuple[str, ...]:
    return (_LOCAL, "--iree-hal-local-target-device-backends=llvm-cpu")


def _vmvx(_target: Target) -> tuple[str, ...]:
    return (_LOCAL, "--iree-hal-local-target-device-backends=vmvx")


#: From ``Target.backend`` to the compiler flags that select it. A further backend is one function and one line here.
BACKENDS: dict[str, Callable[[Target], tuple[str, ...]]] = {
    "llvm-cpu": _llvm_cpu,
    "vmvx": _vmvx,
}


def compile_flags(target: Target, given: tuple[str, ...]) -> tuple[str, ...]:
    """The backend's flags, less those that ``given`` sets itself, then ``given``. Raises UsageError if unknown."""
    backend = BACKENDS.get(target.backend)
    if backend is None:
        raise UsageError(
            f"target {target.name}: the runner has no backend {target.backend!r}",
            f"use one of {', '.join(sorted(BACKENDS))}",
        )
    names = {flag.split("=", 1)[0] for flag in given}
    return (*(flag for flag in backend(target) if flag.split("=", 1)[0] not in names), *given)

"""Turns extras into the time that a set-up takes longer with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from schemas.words import Extra

#: Download and installation on a hosted machine, torch as its build for CPUs.
SECONDS: Mapping[Extra, float] = MappingProxyType(
    {Extra.TORCH: 75.0, Extra.TORCH_MLIR: 10.0, Extra.S3: 5.0, Extra.STABLEHLO: 10.0}
)


def seconds(extras: Iterable[Extra]) -> float:
    """What they add to ``setup-time``."""
    return sum(SECONDS[extra] for extra in extras)

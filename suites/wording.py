"""Names turned into the beginning of a sentence about them."""

from __future__ import annotations

from collections.abc import Sequence

_SHOWN = 3  # names given as examples in a finding about many models


def some(models: Sequence[str]) -> str:
    """`a is`, `a and b are`, `a, b, c and 17 more are`."""
    if len(models) == 1:
        return f"{models[0]} is"
    if len(models) <= _SHOWN:
        return f"{', '.join(models[:-1])} and {models[-1]} are"
    return f"{', '.join(models[:_SHOWN])} and {len(models) - _SHOWN} more are"

"""How many compilers the operations of a case have at a time, and which of them each one gets."""

from __future__ import annotations

import os
from collections.abc import Sequence

#: Operations in one run of the compiler: with more, its fixed cost is hardly less for each.
EACH = 24
#: Most of what a compiler does with many small functions is done by one thread.
_MOST = 2
#: Fewer operations are not worth a compiler of their own: its fixed cost is that of some ten more.
_WORTH = 8
#: What a further compiler must find of the case's memory, in bytes; they take some 0.4 GB each.
_MEMORY = 1 << 30


def compilers(memory_limit: int) -> int:
    """How many may run at a time; ``memory_limit`` is the case's, in bytes."""
    return max(1, min(_MOST, len(os.sched_getaffinity(0)), memory_limit // _MEMORY))


def divided(numbers: Sequence[int], most: int) -> list[tuple[int, ...]]:
    """Numbers of operations in ``most`` parts or fewer."""
    parts = max(1, min(most, len(numbers) // _WORTH))
    return [tuple(numbers[at::parts]) for at in range(parts)]

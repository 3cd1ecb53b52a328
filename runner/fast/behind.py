"""Whether outputs depend on the memory behind inputs: compiled code that reads there is wrong, whatever it finds."""

from __future__ import annotations

from collections.abc import Callable

from runner.fast.session import BEHIND
from runner.tensors import Array

#: Seconds: who takes longer is not called again.
LONG = 1.0
_OTHER = 0


def reads_behind(call: Callable[[int], tuple[Array, ...]]) -> bool:
    """Whether it is what lies behind the inputs that makes the outputs.

    ``call`` gives them for a byte that this memory is filled with; it is called three times, so that outputs which
    differ every time are nobody's evidence. Raises what it raises.
    """
    first, again, other = (_bits(call(each)) for each in (BEHIND, BEHIND, _OTHER))
    return first == again and first != other


def _bits(arrays: tuple[Array, ...]) -> tuple[bytes, ...]:
    return tuple(each.tobytes() for each in arrays)

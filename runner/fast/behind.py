"""Whether outputs depend on the memory behind inputs: compiled code that reads there is wrong, whatever it finds."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from runner.fast.session import BEHIND
from runner.tensors import Array

#: Seconds: a call that takes longer is not made again.
LONGEST = 1.0
_OTHER = 0

Outputs = tuple[Array, ...]


def reading_behind(call: Callable[[int], tuple[Outputs, ...]]) -> tuple[bool, ...]:
    """Of each of those that are called at once, whether it is what lies behind the inputs that makes its outputs.

    ``call`` gives the outputs of each for a byte that this memory is filled with. It is called four times, with two
    bytes in turn: each has to make the same to the bit both times, and the two not the same. Raises what it raises.
    """
    first, second, third, fourth = (_digests(call(each)) for each in (BEHIND, _OTHER, BEHIND, _OTHER))
    return tuple(a == c and b == d and a != b for a, b, c, d in zip(first, second, third, fourth, strict=True))


def _digests(outputs: tuple[Outputs, ...]) -> list[bytes]:
    return [hashlib.sha256(b"".join(array.tobytes() for array in each)).digest() for each in outputs]

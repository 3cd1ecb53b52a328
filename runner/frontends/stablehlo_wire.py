"""What the StableHLO evaluator is asked and what it answers, as messages that begin with their length."""

from __future__ import annotations

from typing import IO

import msgspec
import numpy as np

from runner.tensors import MLIR_TYPES, Array

_LENGTH = 8  # bytes


class Tensor(msgspec.Struct, frozen=True):
    """An array under MLIR's name of its element type; sub-byte elements fill a byte each."""

    element: str
    shape: tuple[int, ...]
    data: bytes

    @classmethod
    def of(cls, array: Array, element: str) -> Tensor:
        """A copy of the array's bytes."""
        return cls(element, array.shape, array.tobytes(order="C"))

    def array(self) -> Array:
        """A read-only view."""
        return np.frombuffer(self.data, dtype=MLIR_TYPES[self.element].dtype).reshape(self.shape)


class Ask(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A module with, for each argument, the type that its open sizes get (``4x8xf32``); to run, or to read back."""

    module: bytes
    types: tuple[str, ...] = ()  # empty: as they are
    evaluate: bool = True
    entry: str = "main"
    operands: tuple[Tensor, ...] = ()


class Told(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The outputs, or the module's text in StableHLO, or what went wrong."""

    results: tuple[Tensor, ...] = ()
    module: str = ""
    error: str = ""


def write_message(stream: IO[bytes], message: bytes) -> None:
    """One message, at once."""
    stream.write(len(message).to_bytes(_LENGTH, "little") + message)
    stream.flush()


def read_message(stream: IO[bytes]) -> bytes | None:
    """The next message; None where the stream ends before it is whole."""
    head = stream.read(_LENGTH)
    if len(head) < _LENGTH:
        return None
    size = int.from_bytes(head, "little")
    message = stream.read(size)
    return message if len(message) == size else None

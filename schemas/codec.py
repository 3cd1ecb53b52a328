"""JSON in and out for every value type: strict on reading, canonical on writing."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

_ENCODER = msgspec.json.Encoder()
_CANONICAL = msgspec.json.Encoder(order="sorted")


def encode(value: Any) -> bytes:
    """Compact JSON, fields in declaration order; for journals."""
    return _ENCODER.encode(value)


def encode_canonical(value: Any) -> bytes:
    """Compact JSON with sorted keys: equal values give equal bytes; for digests."""
    return _CANONICAL.encode(value)


def encode_pretty(value: Any) -> bytes:
    """Indented JSON with a final newline; for files that people read and git diffs."""
    return msgspec.json.format(_ENCODER.encode(value), indent=2) + b"\n"


def decode(data: bytes | str, kind: type[T]) -> T:
    """Typed decoding; raises ``msgspec.ValidationError`` or ``msgspec.DecodeError`` naming the field."""
    return msgspec.json.decode(data, type=kind)

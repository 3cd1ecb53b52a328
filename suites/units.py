"""Durations and sizes as people write them, turned into seconds and bytes, and back."""

from __future__ import annotations

import re

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)(KiB|MiB|GiB|TiB)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_BYTES = {"KiB": 1024, "MiB": 1024**2, "GiB": 1024**3, "TiB": 1024**4}

DURATION_PATTERN = r"^(\d+(\.\d+)?(h|m|s|ms))+$"
SIZE_PATTERN = r"^\d+(\.\d+)?(KiB|MiB|GiB|TiB)$"


def parse_duration(text: str) -> float | None:
    """Seconds of `90s`, `10m`, `1h30m`, `250ms`; None when it is none."""
    if not re.fullmatch(DURATION_PATTERN, text):
        return None
    return round(sum(float(number) * _SECONDS[unit] for number, unit in _DURATION.findall(text)), 6)


def parse_size(text: str) -> int | None:
    """Bytes of `512MiB` or `8GiB`; None when it is none."""
    found = _SIZE.fullmatch(text)
    return int(float(found[1]) * _BYTES[found[2]]) if found else None


def show_duration(seconds: float) -> str:
    """`600.0` as `10m`, `90.0` as `90s`."""
    for unit in ("h", "m"):
        if seconds >= _SECONDS[unit] and seconds % _SECONDS[unit] == 0:
            return f"{seconds / _SECONDS[unit]:.0f}{unit}"
    text = f"{seconds:.6f}".rstrip("0").rstrip(".")
    return f"{text}s"


def show_size(size: int) -> str:
    """`8589934592` as `8GiB`."""
    for unit, factor in reversed(_BYTES.items()):
        if size >= factor and size % factor == 0:
            return f"{size // factor}{unit}"
    return f"{size} bytes"

"""Texts of the command line and of the environment become typed values, or usage errors that say what is meant."""

from __future__ import annotations

import re
import shlex
from typing import TypeVar

from runner.emit_forms import Form
from schemas.errors import UsageError
from schemas.words import Depth, Lowering, Mode, Path, Stage
from suites.markers import Fits, MarkerError, parse_markers
from suites.units import parse_size

W = TypeVar("W", Depth, Form, Lowering, Mode, Path, Stage)
_TRUE = ("true", "1", "yes", "on")
_FALSE = ("false", "0", "no", "off", "")


def pattern(text: str) -> re.Pattern[str] | None:
    """A regular expression, None for an empty text."""
    try:
        return re.compile(text) if text else None
    except re.error as error:
        raise UsageError(
            f"--tests {text!r} is no regular expression: {error}", "escape special characters with \\"
        ) from error


def markers(text: str) -> Fits:
    """A marker expression."""
    try:
        return parse_markers(text)
    except MarkerError as error:
        raise UsageError(f"-m {text!r}: {error}", 'write words with and, or, not, ( ): "hip and benchmark"') from error


def stages(option: str, text: str) -> tuple[Stage, ...]:
    """The stages of a list with commas."""
    return words(option, Stage, text)


def words(option: str, kind: type[W], text: str) -> tuple[W, ...]:
    """The words of a list with commas, each once."""
    names = dict.fromkeys(name.strip() for name in text.split(",") if name.strip())
    return tuple(found for found in (word(option, kind, name) for name in names) if found is not None)


def word(option: str, kind: type[W], text: str) -> W | None:
    """One word of the vocabulary, None for an empty text."""
    if not text:
        return None
    try:
        return kind(text)
    except ValueError:
        raise UsageError(f"{option}: there is no {kind.__name__.lower()} {text!r}", _close(text, tuple(kind))) from None


def choice(option: str, choices: tuple[str, ...], text: str) -> str:
    """One of a few words."""
    if text not in choices:
        raise UsageError(f"{option}: there is no {text!r}", _close(text, choices))
    return text


def boolean(option: str, text: str) -> bool:
    """Whether a switch is on; an empty text means off, as of a workflow's input that was not given."""
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise UsageError(f"{option}={text}: neither true nor false", f"write {option}=true or {option}=false")


def seconds(text: str) -> float:
    """The duration of --timeout."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h)?", text)
    value = float(match[1]) * {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}[match[2] or "s"] if match else 0.0
    if not value:
        raise UsageError(f"--timeout {text}: not a duration above zero", "write 90s, 10m or 1.5h")
    return value


def size(option: str, text: str) -> int:
    """Bytes."""
    value = parse_size(text)
    if not value:
        raise UsageError(f"{option}={text}: not a size above zero", "write a number and a unit: 512MiB, 8GiB")
    return value


def flags(option: str, text: str) -> tuple[str, ...]:
    """The flags of one text, split as a shell would."""
    try:
        found = tuple(shlex.split(text))
    except ValueError as error:
        raise UsageError(f"{option}={text}: {str(error).lower()}", "close the quotes, as for a shell") from None
    odd = [each for each in found if not each.startswith("-")]
    if odd:
        raise UsageError(f"{option}: {odd[0]!r} is no flag", "every flag begins with a dash; write --flag=value")
    return found


def chosen(text: str | None) -> str:
    """What --op names; raises UsageError for what can name no operation."""
    if text is not None and (not text.strip() or text != text.strip()):
        raise UsageError(f"--op {text!r}: names no operation", "give an index, a digest or an operation's name")
    return text or ""


def _close(text: str, choices: tuple[str, ...]) -> str:
    from suites.findings import did_you_mean  # noqa: PLC0415 - only a mistake needs it

    return did_you_mean(text, choices)

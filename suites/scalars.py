"""One YAML scalar turned into a typed value, or into a finding that names the YAML trap behind the mistake."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable
from typing import Any

from schemas.errors import Location
from suites.fields import Field, Kind
from suites.findings import Findings, did_you_mean
from suites.nodes import Node, ScalarNode, kind_of, short_tag
from suites.units import parse_duration, parse_size

_FLOAT = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_DECIMAL = re.compile(r"[-+]?(0|[1-9]\d*)")
_QUOTES = ("'", '"', "|", ">")  # the C parser says "" of a plain scalar, the Python one None
_BOOLEAN_WORDS = {"true": True, "false": False}
_WANTED = {
    Kind.TEXT: "text",
    Kind.FLAG: "true or false",
    Kind.NUMBER: "a number",
    Kind.INTEGER: "a whole number",
    Kind.DURATION: "a duration",
    Kind.SIZE: "a size",
    Kind.DATE: "a date",
}
_REMEDY = {
    Kind.DURATION: "write a number and a unit: 90s, 10m, 1h",
    Kind.SIZE: "write a number and a unit: 512MiB, 8GiB",
    Kind.DATE: "write year-month-day: 2027-01-31",
    Kind.FLAG: "write true or false, without quotes",
    Kind.TEXT: "write one text on this line",
    Kind.NUMBER: "write one number: 0.01 or 1.0e-2",
    Kind.INTEGER: "write one whole number",
}


class Problem(Exception):  # noqa: N818 - not an error of the program: a finding on its way
    """What is wrong with a scalar, and how to mend it."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


def read_scalar(node: Node, field: Field, key: str, at: Location, findings: Findings) -> Any:
    """The typed value of a scalar node, or None after adding a finding."""
    wanted = _WANTED[field.kind]
    if not isinstance(node, ScalarNode):
        findings.add(
            at, f"{key}: {wanted} is meant, {kind_of(node)} is here", field.hint or _REMEDY.get(field.kind, "")
        )
        return None
    raw, tag, quoted = node.value, short_tag(node), node.style in _QUOTES
    if tag == "null":
        findings.add(at, f"{key}: no value is given", field.hint or f"give {wanted}, or remove the key")
        return None
    try:
        return _READERS[field.kind](raw, tag, quoted, field)
    except Problem as problem:
        findings.add(at, f"{key}: {problem.message}", problem.remedy)
        return None


def _text(raw: str, tag: str, _quoted: bool, field: Field) -> str:
    if tag != "str":
        _refuse_misread(raw, tag, field)
    if not raw.strip() and not field.empty:
        raise Problem("the text is empty", field.hint or "give a text, or remove the key")
    if field.choices and raw not in field.choices:
        raise Problem(f"unknown value {raw!r}", did_you_mean(raw, field.choices))
    if field.pattern and not re.search(field.pattern, raw):
        raise Problem(f"{raw!r} is not {field.says}", field.hint or f"write {field.says}")
    return raw


def _refuse_misread(raw: str, tag: str, field: Field) -> None:
    """Say what YAML makes of an unquoted word that was meant as text."""
    quote = f'put it in quotes: "{raw}"'
    if tag == "bool":
        truth = raw.lower() in ("yes", "on", "true", "y")
        remedy = quote if field.pattern else field.hint or quote
        raise Problem(f"text is meant, but YAML reads {raw} as {str(truth).lower()}", remedy)
    if tag in ("int", "float"):
        raise Problem(f"text is meant, but YAML reads {raw} as the number {_misread_number(raw, tag)}", quote)
    if tag == "timestamp":
        raise Problem(f"text is meant, but YAML reads {raw} as a date", quote)
    raise Problem(f"the YAML tag {tag} is not supported", "remove the tag")


def _misread_number(raw: str, tag: str) -> str:
    """The value PyYAML would give: `0123` is 83, `1:30` is 90, `3.10` is 3.1."""
    text = raw.replace("_", "").lower()
    sign = -1 if text.startswith("-") else 1
    digits = text.lstrip("+-")
    try:
        if ":" in digits:
            total = 0.0
            for part in digits.split(":"):
                total = total * 60 + float(part)
            return f"{sign * total:g}"
        if tag == "int" and digits.startswith("0") and digits != "0" and digits[1:].isdigit():
            return str(sign * int(digits, 8))
        return str(sign * int(digits, 0)) if tag == "int" else repr(sign * float(digits))
    except ValueError:
        return raw


def _flag(raw: str, tag: str, _quoted: bool, field: Field) -> bool:
    if tag == "bool" and raw in _BOOLEAN_WORDS:
        return _BOOLEAN_WORDS[raw]
    if tag == "bool":
        raise Problem(f"{raw} is a boolean only to YAML 1.1; editors and YAML 1.2 read text", "write true or false")
    raise Problem(f"true or false is meant, {raw!r} is here", field.hint or _REMEDY[Kind.FLAG])


def _number(raw: str, tag: str, quoted: bool, field: Field) -> float:
    decimal = _FLOAT.fullmatch(raw) is not None
    if tag not in ("int", "float"):
        if not decimal:
            raise Problem(f"a number is meant, {raw!r} is here", field.hint or _REMEDY[Kind.NUMBER])
        if quoted:
            raise Problem(f"a number is meant, the text {raw!r} is here", "remove the quotes")
        raise Problem(f"YAML reads {raw} as text, a number is meant", f"write {_spelled(raw)}")
    if raw.lower().lstrip("+-") in (".inf", ".nan"):
        raise Problem(f"{raw} is no finite number", "write a finite number: 0.01 or 1.0e-2")
    if not decimal or _leading_zero(raw):
        raise Problem(f"YAML reads {raw} as {_misread_number(raw, tag)}", "write a plain decimal: 0.01 or 1.0e-2")
    if not math.isfinite(float(raw)):
        raise Problem(f"{raw} is no finite number", "write a finite number: 0.01 or 1.0e-2")
    _within(float(raw), raw, field)
    return float(raw)


def _leading_zero(raw: str) -> bool:
    digits = raw.lstrip("+-")
    return digits.isdigit() and digits.startswith("0") and digits != "0"


def _spelled(raw: str) -> str:
    """`1e-3` as YAML wants it: `1.0e-3` (a dot before the exponent, a sign in it)."""
    mantissa, _, exponent = raw.lower().partition("e")
    mantissa = mantissa if "." in mantissa else f"{mantissa}.0"
    if not exponent:
        return mantissa
    return f"{mantissa}e{exponent if exponent[0] in '+-' else '+' + exponent}"


def _integer(raw: str, tag: str, _quoted: bool, field: Field) -> int:
    if tag == "int" and _DECIMAL.fullmatch(raw):
        _within(int(raw), raw, field)
        return int(raw)
    if tag == "int":
        raise Problem(f"YAML reads {raw} as {_misread_number(raw, tag)}", "write a plain decimal number")
    raise Problem(f"a whole number is meant, {raw!r} is here", field.hint or "write digits only, without quotes")


def _within(value: float, raw: str, field: Field) -> None:
    if field.minimum is not None and value < field.minimum:
        raise Problem(f"{raw} is too small", f"at least {field.minimum:g} is meant")
    if field.maximum is not None and value > field.maximum:
        raise Problem(f"{raw} is too large", f"at most {field.maximum:g} is meant")


def _duration(raw: str, tag: str, _quoted: bool, field: Field) -> float:
    if tag in ("int", "float"):
        read = f" (YAML reads it as {_misread_number(raw, tag)})" if ":" in raw else ""
        raise Problem(f"the duration {raw} has no unit{read}", field.hint or _REMEDY[Kind.DURATION])
    seconds = parse_duration(raw)
    if seconds is None:
        raise Problem(f"{raw!r} is no duration", field.hint or _REMEDY[Kind.DURATION])
    if seconds <= 0:
        raise Problem("the duration is zero", "give a duration above zero, or remove the key")
    return seconds


def _size(raw: str, tag: str, _quoted: bool, field: Field) -> int:
    if tag in ("int", "float"):
        raise Problem(f"the size {raw} has no unit", field.hint or _REMEDY[Kind.SIZE])
    size = parse_size(raw)
    if size is None:
        raise Problem(f"{raw!r} is no size", field.hint or _REMEDY[Kind.SIZE])
    if size <= 0:
        raise Problem("the size is zero", "give a size above zero, or remove the key")
    return size


def _date(raw: str, tag: str, _quoted: bool, field: Field) -> str:
    try:
        if tag not in ("str", "timestamp") or not re.fullmatch(r"\d{4}-\d{2}-\d{2}", raw):
            raise ValueError  # noqa: TRY301 - one place makes the finding
        dt.date.fromisoformat(raw)
    except ValueError:
        raise Problem(f"{raw!r} is no date of the calendar", field.hint or _REMEDY[Kind.DATE]) from None
    return raw


_READERS: dict[Kind, Callable[[str, str, bool, Field], Any]] = {
    Kind.TEXT: _text,
    Kind.FLAG: _flag,
    Kind.NUMBER: _number,
    Kind.INTEGER: _integer,
    Kind.DURATION: _duration,
    Kind.SIZE: _size,
    Kind.DATE: _date,
}

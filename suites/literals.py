"""An expression in a tester's class body turned into a checked value, or into a finding at its place."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from typing import Any

import msgspec

from schemas.errors import Location
from schemas.words import Mode
from suites.fields import Field, Kind
from suites.findings import Findings, did_you_mean
from suites.keys import BACKENDS, FLAG_PATTERN, PER_TARGET, TUNING, URL_PATTERN
from suites.units import parse_size

At = Callable[[ast.AST], Location]
Check = Callable[[Any], str]  # a value becomes what is wrong with it, empty when nothing is

#: Flags for every backend.
ALL = "all"

_VARIANT = re.compile(r"^[A-Za-z0-9_.+-]+$")
_TAG = re.compile(PER_TARGET["tags"].pattern)
_FLAG = re.compile(FLAG_PATTERN)
_GROUP = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
_URL = re.compile(URL_PATTERN)


class Literal(msgspec.Struct, frozen=True):
    """A value that stands in a class's body, and where."""

    value: Any
    at: Location


def _variants(value: Any) -> str:
    if not isinstance(value, dict) or not value:
        return "a dictionary of variants is meant: {'tiny': {'layers': 2}}"
    for name, parameters in value.items():
        if not isinstance(name, str) or not _VARIANT.match(name):
            return f"{name!r} cannot name a variant: letters, digits, . _ + and -"
        if not isinstance(parameters, dict) or not all(isinstance(key, str) for key in parameters):
            return f"the variant {name!r} needs a dictionary of its parameters, {{}} for none"
    return ""


def _texts(value: Any) -> str:
    if not isinstance(value, (tuple, list)) or not all(isinstance(each, str) for each in value):
        return "a tuple of texts is meant: ('conv',)"
    return ""


def _tags(value: Any) -> str:
    odd = [] if _texts(value) else [each for each in value if not _TAG.match(each)]
    return _texts(value) or (f"{odd[0]!r} is no tag: letters, digits, dots, dashes and _" if odd else "")


def _modes(value: Any) -> str:
    odd = [] if _texts(value) else [each for each in value if each not in list(Mode)]
    if odd:
        return f"unknown mode {odd[0]!r}: {did_you_mean(odd[0], list(Mode))}"
    return _texts(value) or ("" if value else "a model without a mode cannot run: write ('eval',), or leave it out")


def _group(value: Any) -> str:
    good = isinstance(value, str) and (not value or _GROUP.match(value))
    return "" if good else "a group is a text of letters, digits, dots, dashes and _"


def _pcc(value: Any) -> str:
    good = value is None or (_is_number(value) and -1 <= value <= 1)
    return "" if good else "a number from -1 to 1 is meant, or None"


def _tolerance(value: Any) -> str:
    good = value is None or (_is_number(value) and 0 <= value < float("inf"))
    return "" if good else "a number that is not negative is meant, or None"


def _flag(value: Any) -> str:
    return "" if isinstance(value, bool) else "True or False is meant"


def _url(value: Any) -> str:
    good = isinstance(value, str) and (not value or _URL.match(value))
    return "" if good else "a URL is meant: write the issue's whole address"


def _owner(value: Any) -> str:
    return "" if isinstance(value, str) else "a text is meant: 'somebody'"


def _files(value: Any) -> str:
    empty = not _texts(value) and any(not each.strip() for each in value)
    return _texts(value) or ("one of the texts is empty: give a path of the store, or a URL" if empty else "")


def _tuning(value: Any) -> str:
    if not isinstance(value, dict):
        return "a dictionary is meant: {'optimization-level': 'O2'}"
    for name, each in value.items():
        field = TUNING.get(name)
        if field is None:
            return f"unknown key {name!r}: {did_you_mean(str(name), TUNING)}"
        if not _fits(each, field):
            wanted = " or ".join(field.choices) or {Kind.FLAG: "True or False"}.get(field.kind, repr(field.example))
            return f"{name!r} cannot be {each!r}: {wanted} is meant"
    return ""


def _fits(value: Any, field: Field) -> bool:
    if field.kind is Kind.FLAG:
        return isinstance(value, bool)
    if not isinstance(value, str):
        return False
    return bool(parse_size(value)) if field.kind is Kind.SIZE else value in field.choices


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _flags(value: Any) -> str:
    if not isinstance(value, dict):
        return "a dictionary by backend is meant: {'llvm-cpu': ['--flag']}"
    for backend, flags in value.items():
        if backend not in (ALL, *BACKENDS):
            return f"unknown backend {backend!r}: {did_you_mean(str(backend), (ALL, *BACKENDS))}"
        if _texts(flags) or not all(_FLAG.match(flag) for flag in flags):
            return f"the flags of {backend!r} are meant as a list of texts that begin with a dash"
    return ""


#: What the loader reads of a tester's class, and how each is checked; a face says which of them it has.
LITERALS: dict[str, Check] = {
    "variants": _variants,
    "tags": _tags,
    "group": _group,
    "owner": _owner,
    "modes": _modes,
    "files": _files,
    "required_pcc": _pcc,
    "required_atol": _tolerance,
    "required_rtol": _tolerance,
    "relative_atol": _tolerance,
    "assert_pcc": _flag,
    "assert_atol": _flag,
    "assert_tokens": _flag,
    "issue": _url,
    "tuning": _tuning,
    "importer_flags": _flags,
    "compiler_flags": _flags,
    "runtime_flags": _flags,
}


def read_literal(name: str, node: ast.expr, at: At, findings: Findings) -> Literal | None:
    """The value of one expression with its place; None after adding a finding."""
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        found = _first_odd(node)
        message = f"{name} is read without running the file, and `{ast.unparse(found)[:60]}` is no literal"
        findings.add(at(found), message, "write the value out: text, numbers, None, True, tuples, lists, dictionaries")
        return None
    for repeated in _repeated(node):
        message = f"{name}: {ast.unparse(repeated)} is given twice; Python would silently take the last"
        findings.add(at(repeated), message, "keep one")
    problem = LITERALS[name](value)
    if problem:
        findings.add(at(node), f"{name}: {problem.partition(': ')[0]}", problem.partition(": ")[2] or "correct it")
        return None
    return Literal(value, at(node))


def _first_odd(node: ast.expr) -> ast.expr:
    """The innermost part, in reading order, that makes the expression no literal."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            try:
                ast.literal_eval(child)
            except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
                plain = isinstance(node, (ast.Tuple, ast.List, ast.Dict, ast.Set))
                return _first_odd(child) if plain else node
    return node


def _repeated(node: ast.expr) -> list[ast.expr]:
    repeated = []
    for each in ast.walk(node):
        if isinstance(each, ast.Dict):
            seen = set()
            for key in each.keys:
                text = "" if key is None else ast.dump(key)
                if key is not None and text in seen:
                    repeated.append(key)
                seen.add(text)
    return repeated

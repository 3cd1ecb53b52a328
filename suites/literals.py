"""An expression in a tester's class body turned into a checked value, or into a finding at its place."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from typing import Any

from schemas.errors import Location
from suites.findings import Findings, did_you_mean
from suites.keys import BACKENDS, FLAG_PATTERN, PER_TARGET

At = Callable[[ast.AST], Location]
Check = Callable[[Any], str]  # a value becomes what is wrong with it, empty when nothing is

#: Flags for every backend.
ALL = "all"
#: An ONNX graph has no training: one mode.
MODES = ("eval",)

_VARIANT = re.compile(r"^[A-Za-z0-9_.+-]+$")
_TAG = re.compile(PER_TARGET["tags"].pattern)
_FLAG = re.compile(FLAG_PATTERN)
_GROUP = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")


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
    odd = [] if _texts(value) else [each for each in value if each not in MODES]
    return _texts(value) or (
        f"unknown mode {odd[0]!r}: an ONNX model has only {MODES[0]!r}" if odd or not value else ""
    )


def _group(value: Any) -> str:
    good = isinstance(value, str) and (not value or _GROUP.match(value))
    return "" if good else "a group is a text of letters, digits, dots, dashes and _"


def _pcc(value: Any) -> str:
    good = value is None or (_is_number(value) and -1 <= value <= 1)
    return "" if good else "a number from -1 to 1 is meant, or None"


def _tolerance(value: Any) -> str:
    good = value is None or (_is_number(value) and 0 <= value < float("inf"))
    return "" if good else "a number that is not negative is meant, or None"


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


#: What the loader reads of a tester's class, and how each is checked.
LITERALS: dict[str, Check] = {
    "variants": _variants,
    "tags": _tags,
    "group": _group,
    "modes": _modes,
    "required_pcc": _pcc,
    "required_atol": _tolerance,
    "required_rtol": _tolerance,
    "importer_flags": _flags,
    "compiler_flags": _flags,
    "runtime_flags": _flags,
}


def read_literal(name: str, node: ast.expr, at: At, findings: Findings) -> Any:
    """The value of one expression; None after adding a finding (and for None itself)."""
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
    return value


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

"""A module, text or bytecode, becomes the list of the parameters that it reads."""

from __future__ import annotations

import pathlib
import re
import subprocess
from collections.abc import Iterable

from runner import signature
from runner.failures import StageFailure
from runner.parameters.elements import Parameter, parameter
from runner.process import signal_name
from schemas.words import StageStatus

#: ``#flow.parameter.named<"scope"::"key"> : tensor<4xf32>``; without a scope ``<"key">``, and after it may stand a
#: dictionary. The printer does not escape quotation marks, and the parser then refuses the module.
_NAMED = re.compile(
    r'#(?:flow|stream)\.parameter\.named<"(?P<first>[^"]*)"(?:::"(?P<key>[^"]*)")?(?:, \{[^{}]*\})?> : '
    r"(?P<type>(?:tensor|vector)<(?:[^<>]|<[^<>]*>)*>)"
)
#: Weights inside the module are of no interest here, and may be gigabytes of text.
_SHORT = ("--mlir-elide-elementsattrs-if-larger=16", "--mlir-elide-resource-strings-if-larger=16")
_EXCERPT = 4000


def wanted_by(module: pathlib.Path, iree_opt: str) -> tuple[Parameter, ...]:
    """The module's parameters in the order of scope and key; none where it has none.

    Raises StageFailure where iree-opt cannot read the module, or a parameter's type fits no archive.
    """
    argv = [iree_opt, str(module), "--mlir-print-op-generic", *_SHORT]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace") as process:
        out, err = process.stdout, process.stderr
        if out is None or err is None:
            msg = "no pipe to iree-opt"
            raise OSError(msg)
        try:
            found = parameters_in(out)
        finally:
            said = _drained(out, err)
            process.wait()
    if process.returncode < 0:
        text = signature.of_crash(signal_name(-process.returncode), "iree-opt", said)
        raise StageFailure(text, signature.excerpt_of_crash(said), StageStatus.CRASH)
    if process.returncode:
        raise StageFailure(signature.of_tool(said, "iree-opt", process.returncode), said[:_EXCERPT])
    return found


def _drained(out: Iterable[str], err: Iterable[str]) -> str:
    for _ in out:  # a module whose parameters are wrong is still printed to its end
        pass
    return "".join(err)


def parameters_in(lines: Iterable[str]) -> tuple[Parameter, ...]:
    """The parameters named in a module's text; raises StageFailure for two of one name that differ."""
    found: dict[tuple[str, str], Parameter] = {}
    for line in lines:
        for match in _NAMED.finditer(line):
            scope, key = (match["first"], match["key"]) if match["key"] is not None else ("", match["first"])
            try:
                each = parameter(scope, key, match["type"])
            except ValueError as error:
                raise StageFailure(str(error)) from error
            known = found.setdefault((scope, key), each)
            if known.length != each.length:
                text = f"parameter {scope}::{key} is wanted with {known.length} and with {each.length} bytes"
                raise StageFailure(text)
    return tuple(found[name] for name in sorted(found))

"""Modules become the text of one run of the compiler that has each by itself, and its words those of each.

With ``--split-input-file`` (MLIR, "splitAndProcessBuffer") the compiler takes the parts of its input for modules of
their own, one after the other. It says where in a part a thing is; where it knows no place, only the order tells the
parts apart. Hence after each module a part that is none: with the compiler's words on it those of the module end.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from runner import signature
from runner.cache.compiled import may_be_of_the_machine
from runner.process import ran_out_of_memory

SPLIT = "--split-input-file"
_BETWEEN = "// -----"
_NO_MODULE = "module @e2eshard_no_module"
_END = re.compile(rf"^within split at [^\n]*: error: [^\n]*\n{re.escape(_NO_MODULE)}\n *\^\n", re.MULTILINE)
_PLACE = re.compile(
    r"^within split at [^\n]*?:\d+ offset :(?P<line>\d+):(?P<column>\d+)(?=: (?:error|warning|remark|note): )",
    re.MULTILINE,
)
#: What it makes of the file's name elsewhere, so of an executable's, and the plugins that it has: others, alone.
_OF_PROCESS = re.compile(r"within[ _]split|(?:Available|Registered) dialects: ")
#: Bytecode, which has no lines; constants beside the functions, whose names are the process's.
_NOT_SPLIT = (b"ML\xefR", b"{-#", b"dense_resource<", _BETWEEN.encode())
_FUNCTION = re.compile(rb"\b(?:func|util)\.func\b")


def can_be_among(module: bytes) -> bool:
    """Whether a module, as a file has it, means in a part of an input what it means alone."""
    return not any(each in module for each in _NOT_SPLIT)


def has_one_function(module: bytes) -> bool:
    """Whether passes over functions have one to run on, so that nothing depends on how many they run on at once."""
    return len(_FUNCTION.findall(module)) == 1


def text_of(modules: Sequence[bytes]) -> bytes:
    """An input that has each module by itself."""
    between, after = f"{_BETWEEN}\n".encode(), f"\n{_BETWEEN}\n{_NO_MODULE}\n".encode()
    return between.join(each.rstrip(b"\n") + after for each in modules)


def words_of(said: str, places: Sequence[str]) -> dict[int, str]:
    """By number, what the compiler has said of modules that it refuses, as if each were alone in a file at its place.

    Nothing is told of those whose words may be others alone, or say that it was the machine. None at all where there
    are not as many ends as modules.
    """
    *parts, rest = _END.split(said)
    if len(parts) != len(places) or rest.strip():
        return {}
    told = (_alone(part, places[number], int(number > 0)) for number, part in enumerate(parts))
    return {number: text for number, text in enumerate(told) if text}


def _alone(part: str, place: str, before: int) -> str:
    """``before``: the lines of a part before its module's first, which is what is left of the line between."""
    text = _PLACE.sub(lambda at: f"{place}:{int(at['line']) - before}:{at['column']}", part)
    accident = may_be_of_the_machine(text) or ran_out_of_memory(text)
    return text if signature.has_error(text) and not accident and not _OF_PROCESS.search(text) else ""

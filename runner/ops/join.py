"""The modules of several operations become one module with a function for each, whose names cannot clash."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from iree.compiler.ir import Location, Module, StringAttr, SymbolTable

from runner.frontends.mlir import context
from runner.ops.program import Part

#: What a module may hold at its top to be joined: functions, and variables that only its own functions see.
_KINDS = ("func.func", "ml_program.global")
_NAME = "sym_name"
#: Where a phase's text names what comes next at its top: two spaces, an operation, perhaps more, and a symbol.
_TOP = re.compile(r'^  [a-z_]+\.[\w.]+ [^@\n]*@"?(?P<symbol>op\d+_[^\s"({]*)')
_NUMBER = re.compile(r"op(\d+)_")
_DISPATCH = re.compile(r"\bflow\.dispatch\b @")


def joined(parts: Mapping[int, Part], file: pathlib.Path) -> dict[int, str]:
    """Write one module of those that can be joined; by their numbers, what their functions are called in it.

    Symbols get the number in front of their names, blobs of data are renamed as they are read, and where each operation
    stands in its own file is kept, so that the compiler's errors name that file.
    """
    entries: dict[int, str] = {}
    with context(), Location.unknown():
        whole = Module.create()
        for number, part in parts.items():
            module = _plain(part)
            if module is None:
                continue
            for operation in _tops(module):
                old = StringAttr(operation.attributes[_NAME]).value
                new = symbol(number, old)
                SymbolTable.replace_all_symbol_uses(old, new, module.operation)
                SymbolTable.set_symbol_name(operation, new)
            for operation in list(_tops(module)):
                whole.body.append(operation)
            entries[number] = symbol(number, part.imported.entry.name)
        whole.operation.verify()
        with file.open("wb") as out:
            whole.operation.write_bytecode(out)
    return entries


def symbol(number: int, name: str) -> str:
    """What a symbol is called in a joined module."""
    return f"op{number}_{name}"


def _plain(part: Part) -> Any:
    """The module, where nothing in it could mean something else beside others; None where something could."""
    imported = part.imported
    if imported.parameters is not None or imported.piece is not None or imported.further:
        return None
    if part.lowered.suffix == ".mlir":
        module = Module.parseFile(str(part.lowered), context())
    else:
        module = Module.parse(part.lowered.read_bytes(), context())
    apart = len(module.operation.attributes) or any(each.name not in _KINDS for each in _tops(module))
    return None if apart else module


def _tops(module: Any) -> Iterator[Any]:
    return (each.operation for each in module.body.operations)


def blamed(said: str, folder: pathlib.Path) -> set[int]:
    """The numbers of the operations in whose files, ``folder/<number>/…``, the compiler's errors are."""
    found = re.finditer(rf"{re.escape(str(folder))}/(\d+)/\S*: error: ", said)
    return {int(each[1]) for each in found}


def sections(phase: pathlib.Path) -> dict[int, str]:
    """The IR after a phase of a joined module, each operation's own part of it; what has no number is left out."""
    found: dict[int, list[str]] = {}
    current: list[str] | None = None
    with phase.open(errors="replace") as lines:
        for line in lines:
            if line[:2] == "  " and line[2:3] not in (" ", "}", ""):
                match = _TOP.match(line)
                number = None if match is None else _NUMBER.match(match["symbol"])
                current = None if number is None else found.setdefault(int(number[1]), [])
            if current is not None:
                current.append(line)
    return {number: "".join(lines) for number, lines in found.items()}


def dispatches(flow: Mapping[int, str], total: float | None) -> dict[int, int]:
    """How many dispatches each operation has; nothing where they are not all that the compiler counted."""
    counts = {number: len(_DISPATCH.findall(text)) for number, text in flow.items()}
    return counts if total is not None and sum(counts.values()) == int(total) else {}

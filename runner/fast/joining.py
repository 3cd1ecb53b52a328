"""Imported modules become one that has all their functions under names of their own, and the lines of each."""

from __future__ import annotations

import re
from dataclasses import dataclass

from iree.compiler.ir import Location, Module, SymbolTable

from runner.frontends.mlir import context

_LINE = re.compile(r"^[^\n]*?:(\d+):\d+: error: ", re.MULTILINE)
_FUNCTION = "func.func"


class CannotJoinError(Exception):
    """A module with more to it than functions: it goes alone."""


@dataclass(frozen=True)
class Joined:
    """The text of a module, and for every joined one the lines that are its own, from 1, both included."""

    text: str
    lines: tuple[tuple[int, int], ...]

    def blamed(self, said: str) -> frozenset[int]:
        """The numbers of the joined modules that the compiler's errors point into."""
        found = {int(each) for each in _LINE.findall(said)}
        return frozenset(n for n, (first, last) in enumerate(self.lines) if any(first <= at <= last for at in found))


def rename(text: bytes, prefix: str) -> tuple[str, ...]:
    """The functions of an imported module, each as text, with ``prefix`` before every name and use of it.

    Raises CannotJoinError for a module with attributes, with anything but functions, or with functions that are only
    declared: what those mean in one module may not be what they mean in another.
    """
    module = Module.parse(text, context())
    if len(module.operation.attributes) > 0:
        raise CannotJoinError("the module has attributes")
    operations = list(module.body.operations)
    for each in operations:
        if each.operation.name != _FUNCTION or not each.operation.regions[0].blocks:
            raise CannotJoinError(f"the module has more than functions: {each.operation.name}")
    with context(), Location.unknown():
        for each in operations:
            old = SymbolTable.get_symbol_name(each.operation).value
            new = f"{prefix}{old}"
            SymbolTable.replace_all_symbol_uses(old, new, module.operation)
            SymbolTable.set_symbol_name(each.operation, new)
    return tuple(each.operation.get_asm(assume_verified=True) for each in operations)


def join(modules: tuple[tuple[str, ...], ...]) -> Joined:
    """One module of the functions of several, as ``rename`` gave them."""
    pieces = ["module {"]
    lines: list[tuple[int, int]] = []
    at = 2
    for functions in modules:
        first = at
        for text in functions:
            pieces.append(text)
            at += text.count("\n") + 1
        lines.append((first, at - 1))
    return Joined("\n".join([*pieces, "}\n"]), tuple(lines))

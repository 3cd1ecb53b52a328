"""Imported modules become one that has all their functions under names of their own, and the lines of each."""

from __future__ import annotations

import pathlib
import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from iree.compiler.ir import Location, Module, SymbolTable

from runner.frontends.mlir import context

#: The compiler's words begin anew with each error and each warning; its notes belong to the one before them.
_DIAGNOSTIC = re.compile(r"^(?P<file>[^\n]*?):(?:(?P<line>\d+):\d+|0): (?P<kind>error|warning): ", re.MULTILINE)
#: A conversion's last word. Other errors a pattern may have said which was tried in vain, before another one fitted.
_FATAL = re.compile(r": error: failed to legalize (?:operation|unresolved) ")
#: A pass that has failed, where the compiler prints what it failed on: the module, a function, an executable of one.
_FAILED = re.compile(r"^// -----// IR Dump After [^\n]* Failed\b[^\n]*\n(?P<operation>[^\n]*)", re.MULTILINE)
#: A function of the compiled kernels that the linker cannot link.
_LINKED = re.compile(r"^>>> [^\n]*:\((?P<symbol>[^\s)]+)\)$", re.MULTILINE)
_DUMP = re.compile(r"^// -----// IR Dump ", re.MULTILINE)
_PLACE = re.compile(r"^[^\n]*?:(\d+):(\d+): (?=(?:error|warning|note): )", re.MULTILINE)
_FUNCTION = "func.func"
#: An operation of the module itself, as MLIR prints it, and the symbol that it defines.
_TOP = re.compile(r"^  \w")
_SYMBOL = re.compile(r"(?:@\"?|sym_name = \")([^\"\s({=:]+)")
#: A symbol where it is used, or a function's where it is defined.
_REFERENCE = re.compile(r'@(?:"(?P<quoted>[^"\n]*)"|(?P<bare>[\w$.-]+))')
#: Integers of less than a byte, floats of a byte or less: what a code generator lacks for one, it mostly lacks for all.
RARE = re.compile(r"(?<![\w.%@])(?:\d+x|\?x)*[su]?(?:i[24]|f[468]E\w+)(?!\w)")
_END = "}"
BODY = 2  # the line of the first function of an imported module
_ELSEWHERE = "dense_resource<"


class CannotJoinError(Exception):
    """A module with more to it than functions: it goes alone."""


@dataclass(frozen=True)
class Renamed:
    """The functions of one module as text; ``prefix`` begins all their names, and no other module's.

    ``names`` are those that they had, in their order.
    """

    prefix: str
    functions: tuple[str, ...]
    names: tuple[str, ...] = ()

    @property
    def is_rare(self) -> bool:
        """Whether it has element types without hardware of their own."""
        return any(RARE.search(each) for each in self.functions)

    @property
    def nameless(self) -> str:
        """The functions by their numbers: equal for modules that differ in nothing but in what these are called.

        Constants whose values are elsewhere are nobody else's: the text has only their names.
        """
        if any(_ELSEWHERE in each for each in self.functions):
            return "\n".join(self.functions)
        numbers = {f"{self.prefix}{name}": str(number) for number, name in enumerate(self.names)}
        return _with_names("\n".join(self.functions), numbers)


@dataclass(frozen=True)
class Joined:
    """The text of a module, and for every joined one its prefix and its lines, from 1, as pairs of first and last."""

    text: str
    prefixes: tuple[str, ...]
    lines: tuple[tuple[tuple[int, int], ...], ...]

    def blamed(self, said: str) -> frozenset[int]:
        """The numbers of the joined modules that errors point into, or one of whose functions cannot be compiled."""
        errors = (each for each in _DIAGNOSTIC.finditer(said) if each["kind"] == "error")
        owners = [self._owner(each["line"]) for each in errors]
        owners += [self._of(each) for each in failed_symbols(said)]
        return frozenset(number for number in owners if number is not None)

    def told(self, said: str, source: pathlib.Path, name: str) -> dict[int, str]:
        """What the compiler says of each module that it refuses, as it would if that were alone in a file ``name``.

        ``source`` is the file that it read. Only what it cannot legalize counts as refused.
        """
        begins = [*_DIAGNOSTIC.finditer(said)]
        ends = [*(each.start() for each in begins), len(said)][1:]
        found: dict[int, str] = {}
        for each, end in zip(begins, ends, strict=True):
            number = self._owner(each["line"]) if each["file"] == str(source) else None
            if number is not None:
                text = _DUMP.split(said[each.start() : end], maxsplit=1)[0]
                found[number] = found.get(number, "") + self._alone(number, text, name)
        return {number: text for number, text in found.items() if _FATAL.search(text)}

    def lowered(self, text: str) -> Joined:
        """The same modules after some passes, whose output is ``text``: their lines are those of their symbols."""
        lines: list[list[tuple[int, int]]] = [[] for _ in self.prefixes]
        body = body_of(text.splitlines())
        starts = [(at, line) for at, line in enumerate(body, 1) if _TOP.match(line)]
        ends = [*(at - 1 for at, _ in starts[1:]), len(body)]
        for (first, line), last in zip(starts, ends, strict=True):
            number = self._named(line)
            if number is not None:
                lines[number].append((first, last))
        return Joined(text, self.prefixes, tuple(map(tuple, lines)))

    def part(self, numbers: Sequence[int]) -> Joined | None:
        """Some of the modules, as they stand here; None where a line belongs to none of all, and may be for any."""
        said = self.text.splitlines()
        end = len(body_of(said))
        owned = sum(last - first + 1 for each in self.lines for first, last in each)
        if not self.text.startswith("module") or owned != end - 1:
            return None
        text, lines = [said[0]], []
        for number in numbers:
            places = []
            for first, last in self.lines[number]:
                places.append((len(text) + 1, len(text) + 1 + last - first))
                text += said[first - 1 : last]
            lines.append(tuple(places))
        return Joined("\n".join([*text, *said[end:], ""]), tuple(self.prefixes[n] for n in numbers), tuple(lines))

    def _named(self, line: str) -> int | None:
        """The module whose prefix begins the symbol that a line defines."""
        symbol = _SYMBOL.search(line)
        return self._of(symbol[1]) if symbol else None

    def _of(self, symbol: str) -> int | None:
        return next((number for number, each in enumerate(self.prefixes) if symbol.startswith(each)), None)

    def _owner(self, line: str | None) -> int | None:
        at = int(line or 0)
        owners = (n for n, each in enumerate(self.lines) if any(first <= at <= last for first, last in each))
        return next(owners, None)

    def _alone(self, number: int, text: str, name: str) -> str:
        shift = BODY - self.lines[number][0][0]
        text = _PLACE.sub(lambda at: f"{name}:{int(at[1]) + shift}:{at[2]}: ", text)
        prefix = self.prefixes[number]
        return text.replace(f"@{prefix}", "@").replace(f'@"{prefix}', '@"')


def failed_symbols(said: str) -> tuple[str, ...]:
    """What a pass of the compiler or its linker has failed on, by name."""
    operations = (_SYMBOL.search(each["operation"]) for each in _FAILED.finditer(said))
    return (*(each[1] for each in operations if each), *(each["symbol"] for each in _LINKED.finditer(said)))


def _with_names(text: str, names: Mapping[str, str]) -> str:
    """Functions by other names, in quotes where they were."""

    def other(found: re.Match[str]) -> str:
        quote = '"' if found["quoted"] is not None else ""
        name = found["quoted"] or found["bare"]
        return f"@{quote}{names[name]}{quote}" if name in names else found[0]

    return _REFERENCE.sub(other, text)


def body_of(lines: list[str]) -> list[str]:
    """What stands before the last line of a module; after that line come constants."""
    return lines[: lines.index(_END)] if _END in lines else lines


def rename(text: bytes, prefix: str) -> Renamed:
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
        names = tuple(SymbolTable.get_symbol_name(each.operation).value for each in operations)
        for each, old in zip(operations, names, strict=True):
            new = f"{prefix}{old}"
            SymbolTable.replace_all_symbol_uses(old, new, module.operation)
            SymbolTable.set_symbol_name(each.operation, new)
    texts = (each.operation.get_asm(assume_verified=True) for each in operations)
    return Renamed(prefix, tuple(textwrap.indent(text, "  ") for text in texts), names)  # as they stand in a module


def join(modules: Sequence[Renamed]) -> Joined:
    """One module of the functions of several."""
    pieces = ["module {"]
    lines: list[tuple[tuple[int, int], ...]] = []
    at = 2
    for module in modules:
        first = at
        pieces += module.functions
        at += sum(text.count("\n") + 1 for text in module.functions)
        lines.append(((first, at - 1),))
    return Joined("\n".join([*pieces, f"{_END}\n"]), tuple(each.prefix for each in modules), tuple(lines))

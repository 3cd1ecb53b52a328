"""Functions of several modules, as they are once lowered, become few that call several of them at once.

The compiler inlines what is called once, and what its passes cost for each function is paid once for all of a call. The
kernels are the same but for where in a buffer their results lie: all of a call have one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from runner.fast.joining import RARE, Joined, body_of

#: More save little more: of what 24 functions cost, three calls of eight leave 0.74, and one call of all 0.66.
MOST = 8
_HEAD = re.compile(r"^  util\.func public @(?P<name>[\w$.]+)\((?P<arguments>.*)\) -> (?P<results>.+) \{$")
_PUBLIC, _PRIVATE = "  util.func public ", "  util.func private "
_TENSOR = r"tensor<(?:[0-9?]+x)*(?:\w+|complex<\w+>)>"
_ARGUMENT = re.compile(rf"%\w+: ({_TENSOR})(?:, |$)")
_RESULT = re.compile(rf"({_TENSOR})(?:, |$)")


@dataclass(frozen=True)
class Call:
    """A function that takes the arguments of several modules, and gives their results: one after the other."""

    function: str
    modules: tuple[int, ...]

    def has(self, symbol: str) -> bool:
        """Whether what the compiler names so is this function, or one of its kernels."""
        return symbol == self.function or symbol.startswith(f"{self.function}_")


@dataclass(frozen=True)
class _Head:
    module: int
    line: int  # from 0
    name: str
    arguments: tuple[str, ...]
    results: tuple[str, ...]


def merged(joined: Joined, may: Collection[int]) -> tuple[Joined, tuple[Call, ...]]:
    """Lowered modules with those of ``may`` behind calls, where they are of one function with plain tensors."""
    lines = joined.text.splitlines()
    heads = [head for number in sorted(may) if (head := _head(joined, lines, number)) is not None]
    parts = [heads[at : at + MOST] for at in range(0, len(heads), MOST)]
    parts = [part for part in parts if len(part) > 1]
    for head in (head for part in parts for head in part):
        lines[head.line] = lines[head.line].replace(_PUBLIC, _PRIVATE, 1)
    callers = [line for number, part in enumerate(parts) for line in _caller(f"together_{number}", part)]
    end = len(body_of(lines))  # behind all others, whose lines stay where they are
    text = "\n".join([*lines[:end], *callers, *lines[end:], ""])
    calls = (Call(f"together_{number}", tuple(head.module for head in part)) for number, part in enumerate(parts))
    return replace(joined, text=text), tuple(calls)


def _head(joined: Joined, lines: list[str], number: int) -> _Head | None:
    """Of a module's only public function; None where it has several, or one that is not plain."""
    places = [at for first, last in joined.lines[number] for at in range(first - 1, last)]
    public = [at for at in places if lines[at].startswith(_PUBLIC)]
    found = _HEAD.match(lines[public[0]]) if len(public) == 1 else None
    if found is None or RARE.search(lines[public[0]]):
        return None
    arguments = _all(_ARGUMENT, found["arguments"])
    results = _all(_RESULT, found["results"].removeprefix("(").removesuffix(")"))
    if arguments is None or not results:
        return None
    return _Head(number, public[0], found["name"], arguments, results)


def _all(pattern: re.Pattern[str], text: str) -> tuple[str, ...] | None:
    """What a pattern finds, where that is all of a text."""
    found = list(pattern.finditer(text))
    return tuple(each[1] for each in found) if "".join(each[0] for each in found) == text else None


def _caller(name: str, heads: list[_Head]) -> Iterator[str]:
    arguments: list[str] = []
    returned: list[str] = []
    types: list[str] = []
    calls: list[str] = []
    for number, head in enumerate(heads):
        given = [f"%a{number}_{each}" for each in range(len(head.arguments))]
        arguments += [f"{value}: {kind}" for value, kind in zip(given, head.arguments, strict=True)]
        got = [f"%r{number}_{each}" for each in range(len(head.results))]
        call = f"util.call @{head.name}({', '.join(given)})"
        calls.append(f"    {', '.join(got)} = {call} : ({', '.join(head.arguments)}) -> ({', '.join(head.results)})")
        returned += got
        types += head.results
    yield f"{_PUBLIC}@{name}({', '.join(arguments)}) -> ({', '.join(types)}) {{"
    yield from calls
    yield f"    util.return {', '.join(returned)} : {', '.join(types)}"
    yield "  }"

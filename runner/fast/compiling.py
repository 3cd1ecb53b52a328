"""Renamed modules become compiled ones, as many in one run of the compiler as it takes; those it refuses are named."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from runner.fast.joining import join
from runner.process import run_tool, tail
from runner.protocol import Toolchain
from runner.quick import ONE_THREAD, joining_flags, quick_allocator, refuses_flags

#: At most so many are looked for by halves; fewer than these are quicker compiled alone.
_TOO_FEW = 3
#: The compiler says what it refuses in its first lines; what it dumps after them may be long.
_SAID = 1 << 20


@dataclass(frozen=True)
class Part:
    """Modules by their numbers that were compiled together, what came of it, and the seconds for each of them."""

    numbers: tuple[int, ...]
    compiled: pathlib.Path
    share: float


class Compiler:
    """One batch's compiler: its tool, its flags and a folder for what it reads and writes."""

    def __init__(self, toolchain: Toolchain, flags: Sequence[str], folder: pathlib.Path) -> None:
        self._tool = toolchain.iree_compile
        self._flags = tuple(flags)
        self._folder = folder
        self._more = joining_flags(self._flags)
        self._runs = 0

    def compile(
        self, modules: Sequence[tuple[str, ...]], left: Callable[[int, str], None], began: Callable[[], None]
    ) -> list[Part]:
        """Every module that can be compiled with others, in parts; ``left`` hears of the rest, by number and why.

        What the compiler's errors point at is left out and the others are tried again, also where it crashed after
        them. Where it says nothing of the kind, the halves are tried. ``began`` is called before each run.
        """
        waiting = [tuple(range(len(modules)))]
        parts: list[Part] = []
        while waiting:
            numbers = waiting.pop()
            began()
            part, blamed, why = self._try(numbers, modules)
            if part is not None:
                parts.append(part)
            elif blamed:
                for each in blamed:
                    left(each, why)
                rest = tuple(each for each in numbers if each not in blamed)
                waiting += [rest] if rest else []
            elif len(numbers) <= _TOO_FEW:
                for each in numbers:
                    left(each, why)
            else:
                half = len(numbers) // 2
                waiting += [numbers[half:], numbers[:half]]
        return parts

    def _try(
        self, numbers: tuple[int, ...], modules: Sequence[tuple[str, ...]]
    ) -> tuple[Part | None, frozenset[int], str]:
        """One run of the compiler: what it made, else whom it blames, and in what words."""
        self._runs += 1
        joined = join(tuple(modules[each] for each in numbers))
        source = self._folder / f"joined_{self._runs}.mlir"
        compiled, log = source.with_suffix(".vmfb"), source.with_suffix(".log")
        source.write_text(joined.text)
        argv = [self._tool, str(source), "-o", str(compiled), *self._flags, *self._more, ONE_THREAD]
        with quick_allocator():
            result = run_tool(argv, log=log)
        if result.ok and compiled.is_file():
            return Part(numbers, compiled, result.seconds / len(numbers)), frozenset(), ""
        said = tail(log, _SAID).decode(errors="replace")
        if self._more and refuses_flags(said):
            self._more = ()
            return self._try(numbers, modules)
        blamed = frozenset(numbers[each] for each in joined.blamed(said))
        how = f"signal {result.signal}" if result.signal is not None else f"exit {result.exit_code}"
        return None, blamed, f"the compiler: {how}"

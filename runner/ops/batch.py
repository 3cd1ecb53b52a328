"""The programs of several operations become what one process says of each: imported, compiled together, run, compared.

Only what passes is believed by whoever listens: an operation that is not said to have passed is run alone.
"""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence

import msgspec

from runner.backends import compile_flags
from runner.ops import join
from runner.ops.alone import Alone, Wish, case_of
from runner.ops.isolation import Say
from runner.ops.messages import Turn
from runner.ops.parts import compilers, divided
from runner.ops.program import OpProgram, Part
from runner.ops.together import Compilation, compile_all, joined
from runner.quick import joining_flags, refuses_flags
from runner.work import Work

#: So often the compiler is started for an operation: with all of its part, without those that it blamed, or with half.
_TRIES = 3
#: Fewer are not worth a further try: alone they are judged for good.
_FEWEST = 2


class Batch:
    """Operations with their numbers, in a ``folder`` of their own, which is empty."""

    def __init__(self, work: Work, programs: Mapping[int, OpProgram], folder: pathlib.Path, wish: Wish) -> None:
        self._work = work
        self._programs = programs
        self._folder = folder
        self._wish = wish
        self._alone: dict[int, Alone] = {}
        self._parts: dict[int, Part] = {}
        self._case = case_of(work.job.case, next(iter(programs.values())).key.backend)
        self._more = joining_flags(compile_flags(work.job.target, self._case.compile_flags))
        self._made = 0

    def run(self, say: Say) -> None:
        """Import each, compile all in as many modules as compilers run at a time, then run and compare each."""
        for number, program in self._programs.items():
            folder = self._folder / str(number)
            folder.mkdir()
            alone = Alone(self._work, program, folder, self._wish)
            say(msgspec.json.encode(Turn(number)))
            part = alone.part(say)
            if part is not None:
                self._alone[number], self._parts[number] = alone, part
        most = compilers(self._work.job.case.memory_limit)
        parts, tries = divided(tuple(self._parts), most), _TRIES
        while parts and tries:
            again: list[tuple[int, ...]] = []
            more = self._more
            for at in range(0, len(parts), most):
                again += self._together(say, parts[at : at + most])
            parts = again
            tries -= self._more == more  # an older compiler that does not know the flags has tried nothing

    def _together(self, say: Say, parts: Sequence[tuple[int, ...]]) -> list[tuple[int, ...]]:
        """Compile parts at the same time, each with all of its modules in one, and go on with each; what to try again.

        Raises last what kept a compiler from being run.
        """
        made = [self._joined(numbers) for numbers in parts if len(numbers) >= _FEWEST]
        made = [each for each in made if each.entries]
        for each in made[:1]:
            say(msgspec.json.encode(Turn(each.numbers[0])))  # that patience begins anew with each compilation
        compile_all(made)
        again = [part for each in made for part in self._settle(say, each)]
        for each in made:
            if each.error is not None:
                raise each.error
        return again

    def _settle(self, say: Say, made: Compilation) -> list[tuple[int, ...]]:
        """What compiles goes on; what the compiler blames is left out. Where it blames none, halves are to be tried."""
        if made.compiled is not None:
            for number, each in made.shared().items():
                say(msgspec.json.encode(Turn(number)))
                self._alone[number].go_on(say, each)
            return []
        if made.error is not None:
            return []
        said, numbers = made.said, made.numbers
        if made.more and refuses_flags(said):
            self._more = ()
            return [numbers]
        blamed = join.blamed(said, self._folder) & set(numbers)
        half = len(numbers) // 2
        return [tuple(each for each in numbers if each not in blamed)] if blamed else [numbers[:half], numbers[half:]]

    def _joined(self, numbers: Sequence[int]) -> Compilation:
        """One compilation, with the flags of each alone and some more."""
        folder = self._folder / f"joined-{self._made}"
        self._made += 1
        parts = {each: self._parts[each] for each in numbers}
        return joined(self._work, self._case, parts, folder, self._more)

"""The programs of several operations become what one process says of each: imported, compiled together, run, compared.

Only what passes is believed by whoever listens: an operation that is not said to have passed is run alone.
"""

from __future__ import annotations

import pathlib
import time
from collections.abc import Mapping, Sequence

import msgspec

from runner.backends import compile_flags, iree
from runner.failures import StageFailure
from runner.ops import join, ladder
from runner.ops.alone import LOG, Alone, Shared, Wish, case_of
from runner.ops.isolation import Say
from runner.ops.messages import Turn
from runner.ops.program import OpProgram, Part
from runner.quick import joining_flags, quick_environment, refuses_flags
from runner.work import EntryPoint, Imported, Work

#: So often the compiler is started for one batch: with all, without those that it blamed, or with halves.
_TRIES = 3
#: Fewer are not worth a further try: alone they are judged for good.
_FEWEST = 2
_FILE = "joined.mlirbc"
_RUNGS = {"linalg": "input", "flow": "flow"}


class Batch:
    """Operations with their numbers, in a ``folder`` of their own, which is empty."""

    def __init__(self, work: Work, programs: Mapping[int, OpProgram], folder: pathlib.Path, wish: Wish) -> None:
        self._work = work
        self._programs = programs
        self._folder = folder
        self._wish = wish
        self._backend = next(iter(programs.values())).key.backend
        self._alone: dict[int, Alone] = {}
        self._parts: dict[int, Part] = {}
        self._more: tuple[str, ...] | None = None  # flags, once an operation's own are known
        self._made = 0

    def run(self, say: Say) -> None:
        """Import each, compile all at once, then run and compare each."""
        for number, program in self._programs.items():
            folder = self._folder / str(number)
            folder.mkdir()
            alone = Alone(self._work, program, folder, self._wish)
            say(msgspec.json.encode(Turn(number)))
            part = alone.part(say)
            if part is not None:
                self._alone[number], self._parts[number] = alone, part
        self._together(say, tuple(self._parts), _TRIES)

    def _together(self, say: Say, numbers: Sequence[int], tries: int) -> None:
        """What compiles goes on; what the compiler blames is left out. Where it blames none, halves are tried."""
        if len(numbers) < _FEWEST or not tries:
            return
        folder = self._folder / f"joined-{self._made}"
        folder.mkdir()
        self._made += 1
        try:
            shared = self._compiled({each: self._parts[each] for each in numbers}, folder)
        except StageFailure:
            said = (folder / LOG).read_text(errors="replace")
            if self._more and refuses_flags(said):
                self._more = ()
                self._together(say, numbers, tries)
                return
            blamed = join.blamed(said, self._folder) & set(numbers)
            half = len(numbers) // 2
            rest = [each for each in numbers if each not in blamed]
            for some in [rest] if blamed else [rest[:half], rest[half:]]:
                self._together(say, some, tries - 1)
            return
        for number, each in shared.items():
            say(msgspec.json.encode(Turn(number)))
            self._alone[number].go_on(say, each)

    def _compiled(self, parts: Mapping[int, Part], folder: pathlib.Path) -> dict[int, Shared]:
        """One compilation, with the flags of each alone and some more; raises StageFailure where it does not pass."""
        begun = time.perf_counter()
        file = folder / _FILE
        entries = join.joined(parts, file)
        if not entries:
            return {}
        case = case_of(self._work.job.case, self._backend)
        if self._more is None:
            self._more = joining_flags(compile_flags(self._work.job.target, case.compile_flags))
        more = self._more
        case = msgspec.structs.replace(case, compile_flags=(*case.compile_flags, *more))
        job = msgspec.structs.replace(self._work.job, case=case, folder=str(folder), logs=str(folder))
        own = Work(job=job, frontend=self._work.frontend, folder=folder, log=folder / LOG)
        own.log.touch()
        with quick_environment():
            compiled = iree.compile_module(own, Imported(file, EntryPoint("", ())), file)
        phases = ladder.phases_in(folder / iree.IR_FOLDER)
        ir = {rung: join.sections(phases[name]) for rung, name in _RUNGS.items() if name in phases}
        counted = join.dispatches(ir.get("flow", {}), own.metrics.get("dispatch_count"))
        share = (time.perf_counter() - begun) / len(entries)
        return {
            number: Shared(
                compiled=compiled,
                entry=entry,
                flags=tuple(each for each in own.compiler_flags if each not in more),
                seconds=share,
                peak_rss_bytes=own.peak_rss_bytes,
                dispatches=counted.get(number, 0) if counted else None,
                ir=tuple((rung, found[number]) for rung, found in ir.items() if number in found),
            )
            for number, entry in entries.items()
        }

"""Parts of a batch become compiled modules, several compilers at a time, and each operation its share of one."""

from __future__ import annotations

import contextlib
import os
import pathlib
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import msgspec

from runner.backends import iree
from runner.failures import StageFailure
from runner.ops import join, ladder
from runner.ops.alone import LOG, Shared
from runner.ops.program import Part
from runner.quick import quick_environment
from runner.work import EntryPoint, Imported, Work

#: Compilers at a time. Most of what one does with many small functions is done by one thread.
_AT_A_TIME = 2
#: Fewer operations are not worth a compiler of their own: its fixed cost is that of some ten more.
_FEWEST = 8
_FILE = "joined.mlirbc"
_RUNGS = {"linalg": "input", "flow": "flow"}


@dataclass
class Compilation:
    """Operations in one module, with the names of their functions; ``compiled`` is None where the compiler fails.

    ``more`` are the flags that an operation alone does not have, ``seconds`` what it took, less what others took at the
    same time.
    """

    numbers: tuple[int, ...]
    entries: Mapping[int, str]
    work: Work
    more: tuple[str, ...]
    compiled: pathlib.Path | None = None
    seconds: float = 0.0

    @property
    def said(self) -> str:
        """What the compiler wrote."""
        return self.work.log.read_text(errors="replace")

    def shared(self) -> dict[int, Shared]:
        """By number, what each operation has of it; nothing where the compiler has failed."""
        if self.compiled is None:
            return {}
        phases = ladder.phases_in(self.work.folder / iree.IR_FOLDER)
        ir = {rung: join.sections(phases[name]) for rung, name in _RUNGS.items() if name in phases}
        counted = join.dispatches(ir.get("flow", {}), self.work.metrics.get("dispatch_count"))
        flags = tuple(each for each in self.work.compiler_flags if each not in self.more)
        return {
            number: Shared(
                compiled=self.compiled,
                entry=entry,
                flags=flags,
                seconds=self.seconds / len(self.entries),
                peak_rss_bytes=self.work.peak_rss_bytes,
                dispatches=counted.get(number, 0) if counted else None,
                ir=tuple((rung, found[number]) for rung, found in ir.items() if number in found),
            )
            for number, entry in self.entries.items()
        }


def divided(numbers: Sequence[int]) -> list[tuple[int, ...]]:
    """Numbers of operations in parts, as many as this machine compiles at a time."""
    processors = len(os.sched_getaffinity(0))
    parts = max(1, min(_AT_A_TIME, processors, len(numbers) // _FEWEST))
    return [tuple(numbers[at::parts]) for at in range(parts)]


def begun(work: Work, parts: Mapping[int, Part], folder: pathlib.Path, more: tuple[str, ...]) -> Compilation:
    """Join modules in a new ``folder``; ``more`` flags are added to those of the case of ``work``."""
    folder.mkdir()
    entries = join.joined(parts, folder / _FILE)
    case = msgspec.structs.replace(work.job.case, compile_flags=(*work.job.case.compile_flags, *more))
    job = msgspec.structs.replace(work.job, case=case, folder=str(folder), logs=str(folder))
    own = Work(job=job, frontend=work.frontend, folder=folder, log=folder / LOG)
    own.log.touch()
    return Compilation(tuple(parts), entries, own, more)


def compile_all(some: Sequence[Compilation]) -> None:
    """Compile all at the same time. Raises what a compiler raises that could not even be started."""
    with quick_environment(), ThreadPoolExecutor(max(1, len(some))) as pool:
        list(pool.map(_compile, some))
    for each in some:
        each.seconds /= len(some)


def _compile(one: Compilation) -> None:
    began, file = time.perf_counter(), one.work.folder / _FILE
    with contextlib.suppress(StageFailure):
        one.compiled = iree.compile_module(one.work, Imported(file, EntryPoint("", ())), file)
    one.seconds = time.perf_counter() - began

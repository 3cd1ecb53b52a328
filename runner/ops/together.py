"""Parts of a batch become compiled modules, several compilers at a time, and each operation its share of one."""

from __future__ import annotations

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
from schemas.case import Case

_FILE = "joined.mlirbc"
_RUNGS = {"linalg": "input", "flow": "flow"}


@dataclass
class Compilation:
    """Operations in one module, with the names of their functions; ``compiled`` is None where the compiler fails.

    ``more`` are the flags that an operation alone does not have, ``seconds`` what joining and the compiler took,
    whatever ran at the same time. ``error``: what kept the compiler from being run, or its files from being read.
    """

    numbers: tuple[int, ...]
    entries: Mapping[int, str]
    work: Work
    more: tuple[str, ...]
    compiled: pathlib.Path | None = None
    seconds: float = 0.0
    error: Exception | None = None

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


def joined(
    work: Work, case: Case, parts: Mapping[int, Part], folder: pathlib.Path, more: tuple[str, ...]
) -> Compilation:
    """Join modules in a new ``folder``, as the ``case`` of each alone; ``more`` flags are added to its own."""
    began = time.perf_counter()
    folder.mkdir()
    entries = join.joined(parts, folder / _FILE)
    case = msgspec.structs.replace(case, compile_flags=(*case.compile_flags, *more))
    job = msgspec.structs.replace(work.job, case=case, folder=str(folder), logs=str(folder))
    own = Work(job=job, frontend=work.frontend, folder=folder, log=folder / LOG)
    own.log.touch()
    return Compilation(tuple(parts), entries, own, more, seconds=time.perf_counter() - began)


def compile_all(some: Sequence[Compilation]) -> None:
    """Compile all at the same time. What keeps one from it costs the others nothing: see ``Compilation.error``."""
    with quick_environment(), ThreadPoolExecutor(max(1, len(some))) as pool:
        list(pool.map(_compile, some))


def _compile(one: Compilation) -> None:
    began, file = time.perf_counter(), one.work.folder / _FILE
    try:
        one.compiled = iree.compile_module(one.work, Imported(file, EntryPoint("", ())), file)
    except StageFailure:
        pass  # its words are in the log
    except Exception as error:  # noqa: BLE001 - a full disk, or whatever it is: raised when the others have been heard
        one.error = error
    one.seconds += time.perf_counter() - began

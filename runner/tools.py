"""A tool's command line becomes its finished run in the stage's log, or the stage's failure."""

from __future__ import annotations

import os
import pathlib
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from runner import disk, signature
from runner.failures import StageFailure
from runner.process import ToolResult, run_tool, signal_name
from runner.work import Work
from schemas.words import StageStatus

#: How much of a tool's output is searched for its error, in bytes.
_BEGINNING = 1 << 20
_END = 1 << 18


@dataclass(frozen=True)
class Attempt:
    """A tool by its name, how it ended, and where its words begin in the stage's log."""

    tool: str
    result: ToolResult
    start: int


def invoke(
    work: Work,
    argv: Sequence[str],
    stdout: pathlib.Path | None = None,
    *,
    looked: Callable[[int], object] | None = None,
) -> None:
    """Run a native tool, its command line and its error output in the stage's log; ``looked`` as for ``run_tool``.

    Raises StageFailure: FAIL for an exit code, CRASH for a signal (its linker's too), OOM for an allocator that gave
    up, INFRA for a full disk.
    """
    failure = failure_of(work, attempt(work, argv, stdout, looked=looked))
    if failure is not None:
        raise failure


def attempt(
    work: Work,
    argv: Sequence[str],
    stdout: pathlib.Path | None = None,
    *,
    looked: Callable[[int], object] | None = None,
) -> Attempt:
    """Run a native tool like ``invoke``, whatever becomes of it."""
    start = _begin(work, argv)
    result = run_tool(argv, log=work.log, stdout=stdout, looked=looked)
    work.peak_rss_bytes = max(filter(None, (work.peak_rss_bytes, result.peak_rss_bytes)), default=None)
    return Attempt(tool=pathlib.Path(argv[0]).name, result=result, start=start)


def repeat(work: Work, argv: Sequence[str], remark: str, said: str, result: ToolResult) -> Attempt:
    """A run that was elsewhere or earlier, as if it were here and now: a remark on that, and its words, in the log."""
    start = _begin(work, argv, f"# {remark}\n")
    with work.log.open("a") as log:
        log.write(said)
    return Attempt(tool=pathlib.Path(argv[0]).name, result=result, start=start)


def _begin(work: Work, argv: Sequence[str], remark: str = "") -> int:
    """Write a command line; where in the log its words will begin."""
    with work.log.open("a") as log:
        log.write(f"$ {shlex.join(argv)}\n{remark}")
        log.flush()
        return log.tell()


def failure_of(work: Work, made: Attempt) -> StageFailure | None:
    """How the stage ends with it; None where the tool has done its work."""
    if made.result.ok:
        return None
    return _failure(made.tool, made.result, said_since(work, made.start).replace(f"{work.folder}/", ""))


def said_since(work: Work, start: int) -> str:
    """What the tool wrote: its beginning with the first error, its end with the stack, less a dumped module between."""
    with work.log.open("rb") as log:
        log.seek(start)
        text = log.read(_BEGINNING)
        rest = work.log.stat().st_size - log.tell()
        if rest > 0:
            log.seek(max(0, rest - _END), os.SEEK_CUR)
            text += b"\n" + log.read()
    return text.decode(errors="replace")


def _failure(tool: str, result: ToolResult, said: str) -> StageFailure:
    if no_room := disk.complaint(said):
        return StageFailure(disk.SIGNATURE, f"{tool}: {no_room}", StageStatus.INFRA)
    if result.out_of_memory:
        excerpt = signature.excerpt_of_tool(said)
        return StageFailure(f"{signature.OUT_OF_MEMORY} in {tool}", excerpt, StageStatus.OOM)
    if result.signal is not None:
        text = signature.of_crash(signal_name(result.signal), tool, said)
        return StageFailure(text, signature.excerpt_of_crash(said), StageStatus.CRASH)
    if killed := signature.killed_linker(said):
        text = f"{signal_name(killed)} in the linker of {tool}"
        return StageFailure(text, signature.excerpt_of_tool(said), StageStatus.CRASH)
    return StageFailure(signature.of_tool(said, tool, result.exit_code), signature.excerpt_of_tool(said))

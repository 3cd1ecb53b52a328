"""A tool's command line becomes its finished run in the stage's log, or the stage's failure."""

from __future__ import annotations

import os
import pathlib
import shlex
from collections.abc import Sequence

from runner import disk, signature
from runner.failures import StageFailure
from runner.process import ToolResult, run_tool, signal_name
from runner.work import Work
from schemas.words import StageStatus

#: How much of a tool's output is searched for its error, in bytes.
_BEGINNING = 1 << 20
_END = 1 << 18


def invoke(
    work: Work, argv: Sequence[str], stdout: pathlib.Path | None = None, cwd: pathlib.Path | None = None
) -> None:
    """Run a native tool, its command line and its error output in the stage's log.

    Raises StageFailure: FAIL for an exit code, CRASH for a signal, OOM for an allocator that gave up, INFRA for a full
    disk.
    """
    result, said = attempt(work, argv, stdout, cwd)
    if not result.ok:
        raise failure_of(argv, result, said)


def attempt(
    work: Work, argv: Sequence[str], stdout: pathlib.Path | None = None, cwd: pathlib.Path | None = None
) -> tuple[ToolResult, str]:
    """Likewise, for whoever wants to read how it ended: that, and what the tool wrote into the log."""
    place = f"cd {shlex.quote(str(cwd))} && " if cwd is not None else ""
    with work.log.open("a") as log:
        log.write(f"$ {place}{shlex.join(argv)}\n")
        log.flush()
        start = log.tell()
    result = run_tool(argv, log=work.log, stdout=stdout, cwd=cwd)
    work.peak_rss_bytes = max(filter(None, (work.peak_rss_bytes, result.peak_rss_bytes)), default=None)
    return result, "" if result.ok else _said(work, start)


def failure_of(argv: Sequence[str], result: ToolResult, said: str) -> StageFailure:
    """What a tool's end means for its stage."""
    return _failure(pathlib.Path(argv[0]).name, result, said)


def _said(work: Work, start: int) -> str:
    """What the tool wrote: its beginning with the first error, its end with the stack, less a dumped module between."""
    with work.log.open("rb") as log:
        log.seek(start)
        text = log.read(_BEGINNING)
        rest = work.log.stat().st_size - log.tell()
        if rest > 0:
            log.seek(max(0, rest - _END), os.SEEK_CUR)
            text += b"\n" + log.read()
    return text.decode(errors="replace").replace(f"{work.folder}/", "")


def _failure(tool: str, result: ToolResult, said: str) -> StageFailure:
    if no_room := disk.complaint(said):
        return StageFailure(disk.SIGNATURE, f"{tool}: {no_room}", StageStatus.INFRA)
    if result.out_of_memory:
        excerpt = signature.excerpt_of_tool(said)
        return StageFailure(f"{signature.OUT_OF_MEMORY} in {tool}", excerpt, StageStatus.OOM)
    if result.signal is not None:
        text = signature.of_crash(signal_name(result.signal), tool, said)
        return StageFailure(text, signature.excerpt_of_crash(said), StageStatus.CRASH)
    return StageFailure(signature.of_tool(said, tool, result.exit_code), signature.excerpt_of_tool(said))

"""A member that is expected to fail becomes its failure: run as alone, but in a process with others."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from runner import signature
from runner.failures import StageFailure
from runner.lastword import last_word, notes_of
from runner.protocol import Event, Failed, Left, StageStarted, stage_log
from runner.stages.execute import run_stage
from runner.stages.steps import STEPS
from schemas.record import ErrorInfo, StageResult
from schemas.words import MODULES_COMPILED, MODULES_FROM_CACHE, Stage, StageStatus

if TYPE_CHECKING:
    from runner.fast.worker import One
    from runner.work import Told


class Expected:
    """One such member on its way to where it fails."""

    def __init__(self, one: One, emit: Callable[[Event], None]) -> None:
        """Its logs will be where the case's own process would write them; raises OSError where they cannot be."""
        logs = pathlib.Path(one.work.job.logs).parent / one.member.case.key
        logs.mkdir(parents=True, exist_ok=True)
        one.work.folder.mkdir()
        one.work.job = msgspec.structs.replace(one.work.job, logs=str(logs))
        self.one = one
        self._emit = emit
        self._ended: list[StageResult] = []

    def run(self, stages: Sequence[Stage]) -> Failed | None:
        """Run stages until one fails; the compiler and the runtime are processes of their own, for this member alone.

        None where none failed.
        """
        for stage in stages:
            self._emit(StageStarted(stage=stage))
            result, error = run_stage(self.one.work, stage, STEPS[stage])
            self._ended.append(result)
            if result.status is not StageStatus.PASS:
                return self._failed(error or ErrorInfo(signature=f"{stage} failed without a word"), 0)
        return None

    def refused(self, told: Told, flags: tuple[str, ...]) -> Failed:
        """The failure that the compiler tells of when it has several modules at once."""
        work, stage = self.one.work, Stage.COMPILATION
        log = pathlib.Path(work.job.logs) / f"{stage}.log"
        log.write_text(f"# of one compilation of {told.modules} modules, what was said of this one\n{told.said}")
        work.compiler_flags = flags
        work.metrics |= {MODULES_COMPILED: 1.0, MODULES_FROM_CACHE: 0.0}
        name = stage_log(work.job.case, stage)
        self._ended.append(StageResult(stage=stage, status=StageStatus.FAIL, seconds=told.seconds, log=name))
        failure = StageFailure(signature.of_tool(told.said, "iree-compile", 1), signature.excerpt_of_tool(told.said))
        return self._failed(failure.error, told.modules)

    def _failed(self, error: ErrorInfo, modules: int) -> Failed:
        work = self.one.work
        said = last_word(work, notes_of(work))
        stages = tuple(self._ended)
        return Failed(member=self.one.number, modules=modules, stages=stages, error=error, last_word=said)

    def leave(self) -> None:
        """It came to its end: that is not what is expected, and is judged elsewhere."""
        self._emit(Left(member=self.one.number, why="it does not fail as is expected"))

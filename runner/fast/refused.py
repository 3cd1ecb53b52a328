"""A member that the compiler refused among others becomes its failure: compiled by itself, and kept as when alone."""

from __future__ import annotations

import pathlib
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from runner.bundle.capture import Capture
from runner.bundle.layout import folder_name
from runner.lastword import last_word, notes_of
from runner.protocol import Failed
from runner.quick import quick_environment
from runner.stages.execute import run_stage
from runner.stages.steps import STEPS
from runner.work import Imported, Work, present
from schemas.record import ErrorInfo, StageResult
from schemas.words import Stage, StageStatus

if TYPE_CHECKING:
    from runner.fast.worker import One


def failure_of(one: One, imported: Imported) -> Failed | None:
    """What the compiler says of the member's own module; None where it refuses it no more.

    It says so in a process of its own, unless it has been told. ``imported`` is the module as it was before it was
    joined. Afterwards its files, logs, and what a bundle is made of lie where the case's own process would have left
    them, and it goes on in no batch. Raises OSError where they cannot be moved there.
    """
    work, told, place = one.work, one.work.told, module_of(one)
    _settle(work, imported)
    if told is not None:
        module = work.lowered or present(work.imported, "imported module").module
        work.told = replace(told, said=told.said.replace(str(place), str(module)))
        if one.member.drawn:  # it will be compiled alone: what it is told shall not be found in its place
            work.job = msgspec.structs.replace(work.job, caching=None)
    before = one.stages[: one.stages.index(Stage.COMPILATION)]
    if work.job.keep:
        capture = Capture(work, lambda: notes_of(work))
        for stage in before:
            capture.after(stage)
    with quick_environment():  # in which the compiler has just named this very module
        result, error = run_stage(work, Stage.COMPILATION, STEPS[Stage.COMPILATION])
    if result.status is not StageStatus.FAIL:
        return None
    told = told if work.told is None else None  # it was not asked for: the cache knew
    if told is not None:
        result = msgspec.structs.replace(result, seconds=told.seconds, peak_rss_bytes=None)
    passed = (StageResult(stage=each, status=StageStatus.PASS, seconds=one.seconds[each]) for each in before)
    return Failed(
        member=one.number,
        modules=told.modules if told is not None else 0,
        stages=(*passed, result),
        error=error or ErrorInfo(signature=f"{Stage.COMPILATION} failed without a word"),
        last_word=last_word(work, notes_of(work)),
    )


def module_of(one: One) -> pathlib.Path:
    """The file of the member's own module, as it was before it was joined."""
    return one.work.lowered or present(one.imported, "imported module").module


def _settle(work: Work, imported: Imported) -> None:
    """Move the work's folder to where the scheduler keeps that of the case, and name its files anew."""
    job, old = work.job, work.folder
    folder = old.parent.parent / folder_name(job.case)
    logs = pathlib.Path(job.logs).parent / job.case.key
    for stale in (folder, logs):  # of an attempt that was killed
        shutil.rmtree(stale, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    old.rename(folder)
    logs.mkdir(parents=True)

    def moved(path: pathlib.Path) -> pathlib.Path:
        return folder / path.relative_to(old) if path.is_relative_to(old) else path

    work.folder, work.compiled = folder, None
    work.job = msgspec.structs.replace(job, folder=str(folder), logs=str(logs))
    parameters = imported.parameters and (imported.parameters[0], moved(imported.parameters[1]))
    work.imported = msgspec.structs.replace(imported, module=moved(imported.module), parameters=parameters)
    work.lowered = moved(work.lowered) if work.lowered is not None else None

"""A job becomes the steps of its stages: run, and their results kept where wanted, or taken from a bundle instead."""

from __future__ import annotations

import pathlib
from collections.abc import Callable

from runner.bundle.capture import Capture
from runner.bundle.restore import Restore, StoredFrontend
from runner.imported.steps import STEPS as IMPORTED_STEPS
from runner.protocol import Job
from runner.stages.steps import STEPS
from runner.work import Frontend, Work
from schemas.words import Stage

#: Stages whose notes of the first run still hold when they are not run again.
_NOTED = (Stage.IMPORT_MODEL, Stage.CONSTRUCT_INPUTS, Stage.NATIVE_INFERENCE)


class Steps:
    """The steps of one case, with the work that they share."""

    def __init__(self, job: Job) -> None:
        self.work = Work(job=job, frontend=_frontend(job), folder=pathlib.Path(job.folder))
        self._restore = Restore(self.work) if job.bundle else None
        self._capture = Capture(self.work, self.notes) if job.keep else None

    def of(self, stage: Stage) -> Callable[[Work], None]:
        """What ``stage`` does, its results kept as a part of it: a full disk is then this stage's INFRA."""
        imported = self.work.job.case.definition is not None
        step, capture = (IMPORTED_STEPS if imported else STEPS)[stage], self._capture
        if capture is None:
            return step

        def step_and_keep(work: Work) -> None:
            try:
                step(work)
            except Exception:
                if stage is Stage.SETUP:
                    capture.source()
                raise
            capture.after(stage)

        return step_and_keep

    def restore(self, stage: Stage) -> None:
        """Take from the bundle what ``stage`` had left."""
        if self._restore is not None:
            self._restore.instead_of(stage)
        if self._capture is not None:
            self._capture.after(stage)

    def notes(self) -> tuple[str, ...]:
        """What a reader of the record should know, of the bundle's run too where it still holds."""
        reused = any(each.stage in _NOTED for each in self.work.job.reused)
        before = self._restore.notes if self._restore is not None and reused else ()
        return tuple(dict.fromkeys((*before, *self.work.frontend.notes(), *self.work.notes)))


def _frontend(job: Job) -> Frontend:
    """Only a job that loads the model needs what can: a machine that only runs has no compiler and no onnx."""
    if job.bundle and Stage.SETUP not in job.stages:
        return StoredFrontend(job)
    from runner.frontends import frontend_for  # noqa: PLC0415 - loads onnx and the importer

    return frontend_for(job)

"""Frontends: how a model on each path becomes a module; each is loaded only in the case's own process."""

from __future__ import annotations

from collections.abc import Callable

from runner.protocol import Job
from runner.work import Frontend
from schemas.errors import UsageError
from schemas.words import Path, SourceKind


def _onnx(job: Job) -> Frontend:
    if job.case.source.kind is SourceKind.PYTHON:
        from runner.frontends.onnx_tester import OnnxTesterFrontend  # noqa: PLC0415 - likewise

        return OnnxTesterFrontend(job)
    from runner.frontends.onnx import OnnxFrontend  # noqa: PLC0415 - loads onnx and the importer

    return OnnxFrontend(job)


#: A further path is one module and one line here.
FRONTENDS: dict[Path, Callable[[Job], Frontend]] = {
    Path.ONNX: _onnx,
}


def frontend_for(job: Job) -> Frontend:
    """The frontend of the job's path; raises UsageError where there is none."""
    make = FRONTENDS.get(job.case.path)
    if make is None:
        raise UsageError(f"the runner has no path {job.case.path}", f"use one of {', '.join(FRONTENDS)}")
    return make(job)

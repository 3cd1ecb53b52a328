"""A case's loaded model becomes its graphs whose values can be checked: of PyTorch or of ONNX."""

from __future__ import annotations

from collections.abc import Sequence

from runner.intermediates.values import Subject
from runner.work import Work
from schemas.errors import UsageError
from schemas.words import Path


def subjects_of(work: Work) -> Sequence[Subject]:
    """One graph, or those of a broken model; raises UsageError for a path whose values nobody can get at."""
    path = work.job.case.path
    if path is Path.TORCH_MLIR:
        from runner.intermediates.torch_subject import torch_subjects  # noqa: PLC0415 - loads torch

        return torch_subjects(work)
    if path is Path.ONNX:
        from runner.intermediates.onnx_subject import OnnxSubject  # noqa: PLC0415 - loads onnx and the importer

        return (OnnxSubject(work),)
    raise UsageError(
        f"the path {path} gives no values between a model's inputs and outputs", "use the path onnx or torch-mlir"
    )

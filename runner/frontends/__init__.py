"""Frontends: how a model on each path becomes a module; each is loaded only in the case's own process."""

from __future__ import annotations

import importlib.util
import pathlib
from collections.abc import Callable

from runner.frontends.absent import AbsentFrontend
from runner.protocol import Job
from runner.work import Frontend
from schemas.errors import InfraError, UsageError
from schemas.words import Mode, Path, SourceKind


def _onnx(job: Job) -> Frontend:
    if is_torch(job):
        _need_torch()
        from runner.frontends.torch_onnx import TorchOnnxFrontend  # noqa: PLC0415 - loads torch

        return TorchOnnxFrontend(job)
    if job.case.source.kind is SourceKind.PYTHON:
        from runner.frontends.onnx_tester import OnnxTesterFrontend  # noqa: PLC0415 - likewise

        return OnnxTesterFrontend(job)
    from runner.frontends.onnx import OnnxFrontend  # noqa: PLC0415 - loads onnx and the importer

    return OnnxFrontend(job)


def _ort_ep(job: Job) -> Frontend:
    if is_torch(job):
        _need_torch()
        from runner.frontends.ort_ep_torch import OrtEpTorchFrontend  # noqa: PLC0415 - loads torch

        return OrtEpTorchFrontend(job)
    from runner.frontends import ort_ep_onnx  # noqa: PLC0415 - loads onnx

    if job.case.source.kind is SourceKind.PYTHON:
        return ort_ep_onnx.OrtEpTesterFrontend(job)
    return ort_ep_onnx.OrtEpOnnxFrontend(job)


def _torch_mlir(job: Job) -> Frontend:
    _need_torch()
    if job.case.mode is Mode.TRAIN:
        from runner.frontends.torch_train_case import TorchTrainFrontend  # noqa: PLC0415 - likewise

        return TorchTrainFrontend(job)
    from runner.frontends.torch_mlir import TorchMlirFrontend  # noqa: PLC0415 - loads torch

    return TorchMlirFrontend(job)


def _direct(job: Job) -> Frontend:
    if job.case.definition is not None:
        from runner.imported.frontend import DefinitionFrontend  # noqa: PLC0415 - like the others

        return DefinitionFrontend(job)
    from runner.frontends.stablehlo import MlirFrontend  # noqa: PLC0415 - loads the compiler's bindings

    return MlirFrontend(job)


def is_torch(job: Job) -> bool:
    """Whether the case's class derives from ModelTester, by the text of its file alone."""
    if job.case.source.kind is not SourceKind.PYTHON:
        return False
    from suites.findings import Findings  # noqa: PLC0415 - only cases of model files need them
    from suites.locator import parse_locator  # noqa: PLC0415
    from suites.modelfile import read_model_file  # noqa: PLC0415

    locator = parse_locator(job.case.source.locator)
    read = read_model_file(pathlib.Path(job.source), Findings())
    tester = read.testers.get(locator.tester) if read is not None and locator is not None else None
    return tester is not None and tester.face.framework == "torch"  # what is wrong with the file, `setup` tells


def _need_torch() -> None:
    """Raise InfraError where there is no torch; found without loading it."""
    if importlib.util.find_spec("torch") is None:
        raise InfraError(
            "this is a PyTorch model, and torch is not installed here",
            "make install EXTRAS=torch, or pip install e2eshard[torch]",
        )


#: A further path is one module and one line here.
FRONTENDS: dict[Path, Callable[[Job], Frontend]] = {
    Path.ONNX: _onnx,
    Path.TORCH_MLIR: _torch_mlir,
    Path.ORT_EP: _ort_ep,
    Path.DIRECT: _direct,
}


def frontend_for(job: Job) -> Frontend:
    """The frontend of the job's path; raises UsageError where there is none.

    One that cannot be loaded is a frontend too, whose ``setup`` says why.
    """
    make = FRONTENDS.get(job.case.path)
    if make is None:
        raise UsageError(f"the runner has no path {job.case.path}", f"use one of {', '.join(FRONTENDS)}")
    try:
        return make(job)
    except (ImportError, InfraError) as error:
        return AbsentFrontend(error)

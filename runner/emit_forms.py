"""The forms in which `--emit` writes a model, and what is asked of the process that writes one, and answered."""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType

import msgspec

from runner.protocol import Job
from schemas.record import ErrorInfo


class Form(StrEnum):
    """One form of a model, as `--emit` names it."""

    ONNX = "onnx"
    TORCH_MLIR = "torch-mlir"
    LINALG = "linalg"
    STABLEHLO = "stablehlo"


#: What each is called in the model's folder.
FILES = MappingProxyType(
    {
        Form.ONNX: "model.onnx",
        Form.TORCH_MLIR: "torch.mlir",
        Form.LINALG: "linalg.mlir",
        Form.STABLEHLO: "stablehlo.mlir",
    }
)


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """Write one form of the job's model, and its inputs, into ``out``."""

    job: Job
    form: Form
    out: str
    log: str  # what the process and its tools write


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How it went."""

    error: ErrorInfo | None = None

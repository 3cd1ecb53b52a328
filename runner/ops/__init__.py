"""Op by op: every operation of a model as a program of its own, each run once, in a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from schemas.errors import UsageError
from schemas.opwords import OpBackend
from schemas.words import Lowering, Path

if TYPE_CHECKING:
    from runner.ops.program import Walker
    from runner.work import Work
    from schemas.case import Case


def _torch(work: Work) -> Walker:
    from runner.ops.torch_walk import TorchWalker  # noqa: PLC0415 - loads torch

    return TorchWalker(work)


def _onnx(work: Work) -> Walker:
    from runner.ops.onnx_walk import OnnxWalker  # noqa: PLC0415 - loads onnx and ONNX Runtime

    return OnnxWalker(work)


def _stablehlo(work: Work) -> Walker:
    from runner.ops.stablehlo_walk import StablehloWalker  # noqa: PLC0415 - loads the compiler's bindings

    return StablehloWalker(work)


#: A further representation is one module and one line here.
WALKERS: Mapping[OpBackend, Callable[[Work], Walker]] = MappingProxyType(
    {OpBackend.TORCH: _torch, OpBackend.ONNX: _onnx, OpBackend.STABLEHLO: _stablehlo}
)


def backend_of(case: Case) -> OpBackend:
    """From which representation of its model a case's operations are taken; UsageError where there is none."""
    if case.path is Path.ORT_EP:
        raise UsageError(
            f"{case.key}: the path ort-ep cannot go op by op: ONNX Runtime hands whole graphs to the compiler",
            "use the path onnx, whose operations are the same",
        )
    if case.lowering is Lowering.STABLEHLO or case.path is Path.DIRECT:
        return OpBackend.STABLEHLO
    return OpBackend.ONNX if case.path is Path.ONNX else OpBackend.TORCH

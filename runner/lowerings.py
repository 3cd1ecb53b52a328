"""An imported module becomes the module handed to the compiler: left in torch, or lowered to linalg or StableHLO."""

from __future__ import annotations

import importlib.util
import pathlib
from collections.abc import Callable

from runner.tools import invoke
from runner.work import Imported, Work
from schemas.errors import InfraError
from schemas.words import Lowering, Path

#: Of modules with torch-mlir's form of ONNX operators, and of those with PyTorch's own.
_ONNX_TO_BACKEND_CONTRACT = "--torch-onnx-to-torch-backend-pipeline"
_TORCH_TO_BACKEND_CONTRACT = "--torchdynamo-export-to-torch-backend-pipeline"
_TO_LINALG = "--torch-backend-to-linalg-on-tensors-backend-pipeline"
_TO_STABLEHLO = (
    "--pass-pipeline=builtin.module({before}torch-lower-to-backend-contract,"
    "func.func(cse,canonicalize),torch-backend-to-stablehlo-backend-pipeline)"
)
_ONNX_TO_TORCH = "func.func(convert-torch-onnx-to-torch),"


def to_torch(_work: Work, imported: Imported) -> pathlib.Path:
    """The importer's own output: the compiler lowers torch by itself."""
    return imported.module


def to_linalg(work: Work, imported: Imported) -> pathlib.Path:
    """Linalg on tensors, by the compiler's own copy of torch-mlir's pipelines in iree-opt."""
    lowered = _file(work, imported, "linalg.mlirbc")
    opt = work.job.toolchain.iree_opt
    contract = _TORCH_TO_BACKEND_CONTRACT if _is_torch(work) else _ONNX_TO_BACKEND_CONTRACT
    invoke(work, [opt, contract, _TO_LINALG, "--emit-bytecode", str(imported.module), "-o", str(lowered)])
    return lowered


def to_stablehlo(work: Work, imported: Imported) -> pathlib.Path:
    """StableHLO, by torch-mlir's torch-mlir-opt; raises InfraError where torch-mlir is not installed."""
    lowered = _file(work, imported, "stablehlo.mlir")
    pipeline = _TO_STABLEHLO.format(before="" if _is_torch(work) else _ONNX_TO_TORCH)
    invoke(work, [str(torch_mlir_opt()), pipeline, str(imported.module), "-o", str(lowered)])
    return lowered


def _is_torch(work: Work) -> bool:
    return work.job.case.path is Path.TORCH_MLIR


def _file(work: Work, imported: Imported, name: str) -> pathlib.Path:
    """``linalg.mlirbc``; ``g1.linalg.mlirbc`` of a module that is one of several."""
    return work.folder / (f"{imported.entry.name}.{name}" if imported.piece else name)


def torch_mlir_opt() -> pathlib.Path:
    """The optimizer inside the installed torch-mlir package, found without importing it."""
    spec = importlib.util.find_spec("torch_mlir")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        tool = pathlib.Path(folder) / "_mlir_libs" / "torch-mlir-opt"
        if tool.is_file():
            return tool
    raise InfraError(
        "lowering to stablehlo needs torch-mlir-opt of the torch-mlir package, which is not installed here",
        "make install EXTRAS=torch-mlir",
    )


LOWERINGS: dict[Lowering, Callable[[Work, Imported], pathlib.Path]] = {
    Lowering.TORCH: to_torch,
    Lowering.LINALG: to_linalg,
    Lowering.STABLEHLO: to_stablehlo,
}

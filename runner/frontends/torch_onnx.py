"""A ModelTester's PyTorch model becomes an ONNX model by PyTorch's exporter, and that a module by IREE's importer."""

from __future__ import annotations

import pathlib

import numpy as np

from runner.frontends import onnx_data, onnx_importer, torch_onnx_export
from runner.frontends.torch_tester_case import TorchTesterCase
from runner.tensors import Array
from runner.work import Golden, Imported
from schemas.errors import UsageError
from schemas.words import Mode

_EXTERNALIZE = "--externalize-params"


class TorchOnnxFrontend(TorchTesterCase):
    """The path `onnx` of PyTorch models. Golden outputs are PyTorch's own.

    ONNX has no operators on complex numbers: the exporter makes of each complex tensor a real one with a last dimension
    of two, and so do the inputs and outputs here.
    """

    def setup(self) -> None:
        """As on every PyTorch path; a training step has no ONNX model."""
        if self._job.case.mode is Mode.TRAIN:
            raise UsageError(
                f"{self._job.case.model}: mode train has no path {self._job.case.path}: PyTorch's ONNX exporter takes "
                "a model's forward pass only",
                "use the path torch-mlir",
            )
        super().setup()

    def onnx_file(self, folder: pathlib.Path) -> pathlib.Path:
        """Export the model into ``folder``; large weights lie beside it."""
        file = folder / torch_onnx_export.MODEL_FILE
        module = self.subject(cast_back=bool(self.casts) and not self.runs_on_casts())
        torch_onnx_export.export(module, self.arguments.tensors, self.arguments.names, file, self._external_above())
        return file

    def _external_above(self) -> int:
        tuning = self._job.case.tuning
        if tuning.externalize is not None:
            return 0 if tuning.externalize else torch_onnx_export.LARGEST_MESSAGE
        return tuning.externalize_above

    def import_model(self, folder: pathlib.Path) -> Imported:
        """What ``iree-import-onnx`` writes for that file; large weights go into a parameter archive."""
        file = self.onnx_file(folder)
        flags = self._job.case.import_flags
        if onnx_data.external_files(file) and _EXTERNALIZE not in flags:
            self.note("weights: in a parameter archive, by --externalize-params")
            flags = (*flags, _EXTERNALIZE)
        return onnx_importer.import_file(file, folder, flags)

    def construct_inputs(self) -> tuple[Array, ...]:
        """As on every PyTorch path, complex tensors as pairs."""
        return tuple(_paired(each) for each in super().construct_inputs())

    def native_inference(self, inputs: tuple[Array, ...]) -> tuple[Golden, ...]:
        """PyTorch's outputs, complex ones left as they are."""
        complex_ = [each.is_complex() for each in self.arguments.tensors]
        return super().native_inference(
            tuple(_complex(each) if made else each for each, made in zip(inputs, complex_, strict=True))
        )

    def postprocess(self, outputs: tuple[Array, ...]) -> tuple[Array, ...]:
        """The hooks' view of the compiled outputs, pairs read as complex where PyTorch returned such."""
        expected = self.returned().tensors
        if len(outputs) == len(expected):
            outputs = tuple(
                _complex(each) if of.is_complex() and each.dtype.kind == "f" and each.shape[-1:] == (2,) else each
                for each, of in zip(outputs, expected, strict=True)
            )
        return super().postprocess(outputs)

    def is_plain(self, golden: tuple[Golden, ...]) -> bool:
        """As on every PyTorch path, where no output is to be read as complex."""
        return not any(each.value.dtype.kind == "c" for each in golden) and super().is_plain(golden)


def _paired(value: Array) -> Array:
    """A complex array as real ones with a last dimension of two: its real and its imaginary part."""
    if value.dtype.kind != "c":
        return value
    return np.stack([value.real, value.imag], axis=-1)


def _complex(value: Array) -> Array:
    """The inverse of `_paired`."""
    made: Array = np.ascontiguousarray(value).view(np.complex128 if value.dtype == np.float64 else np.complex64)[..., 0]
    return made

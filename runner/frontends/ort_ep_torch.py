"""PyTorch models of the path `ort-ep`: as on the path `onnx`, up to the exported model."""

from __future__ import annotations

import pathlib

from runner.frontends import ort_ep
from runner.frontends.torch_onnx import TorchOnnxFrontend
from runner.work import Imported


class OrtEpTorchFrontend(TorchOnnxFrontend):
    """Classes that derive from ModelTester."""

    def import_model(self, folder: pathlib.Path) -> Imported:
        """The exported model."""
        return ort_ep.import_model(self, folder, self._job.case.lowering)

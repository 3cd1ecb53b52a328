"""ONNX models of the path `ort-ep`: as on the path `onnx`, up to the model itself."""

from __future__ import annotations

import pathlib

from runner.frontends import ort_ep
from runner.frontends.onnx import OnnxFrontend
from runner.frontends.onnx_tester import OnnxTesterFrontend
from runner.work import Imported


class OrtEpOnnxFrontend(OnnxFrontend):
    """Node cases, files and URLs."""

    def import_model(self, folder: pathlib.Path) -> Imported:
        """The model as it is."""
        return ort_ep.import_model(self, folder, self._job.case.lowering)


class OrtEpTesterFrontend(OnnxTesterFrontend):
    """Classes of the authoring face."""

    def import_model(self, folder: pathlib.Path) -> Imported:
        """The prepared model."""
        return ort_ep.import_model(self, folder, self._job.case.lowering)

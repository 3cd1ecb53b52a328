"""The light models with one weight of the compiled side changed: what every comparison of them must notice.

`python: tests/models_support/corrupted.py:CorruptedLight[<name>]` in a manifest runs any of the nine.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from suites import OnnxModelTester
from suites.models.onnx.light import LightTester
from suites.models.onnx_tester import run_session, save


class CorruptedLight(LightTester, OnnxModelTester):
    """Imports a model with one weight of the wrong sign; the golden is the unchanged model's."""

    variants = {
        "bvlc_alexnet": {},
        "densenet121": {},
        "inception_v1": {},
        "inception_v2": {},
        "resnet50": {},
        "shufflenet": {},
        "squeezenet": {},
        "vgg19": {},
        "zfnet512": {},
    }
    required_pcc = 0.9999
    required_atol = 1e-3
    required_rtol = 1e-3
    compiler_flags = {"all": ["--iree-input-demote-f64-to-f32=true"]}

    def load_model(self) -> Any:
        model = super().load_model()
        self.original = save(model, self.folder / "original.onnx")
        flip_one_weight(model.graph)
        return model

    def forward(self, inputs: Any) -> Any:
        return run_session(self.original, inputs, self.configure_session)


def flip_one_weight(graph: Any) -> None:
    """Change the sign of one number of the model's millions."""
    first = next(node for node in graph.node if node.op_type == "Conv")
    weight = next(each for each in graph.initializer if each.name == first.input[1])
    values = np.array(numpy_helper.to_array(weight))
    worst = np.unravel_index(np.argmax(np.abs(values)), values.shape)
    values[worst] = -values[worst]
    weight.CopyFrom(onnx.numpy_helper.from_array(values, weight.name))

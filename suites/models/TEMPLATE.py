"""Copy this file to suites/models/onnx/<folder>/<name>.py; its model is then called onnx/<folder>/<name>.

Say here, in one sentence, what the model is and why it is worth testing. Then add one line to a manifest
(`- name: onnx/<folder>/<name>`) and run it: `python -m runner onnx/<folder>/<name> --target cpu`.
This file itself is no model: the loader passes over TEMPLATE.py and over names that begin with `_`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from suites import OnnxModelTester


class TemplateTester(OnnxModelTester):
    # -- Literals, all optional: the loader reads them without running this file, so write the values out. -----------
    variants = {"narrow": {"width": 8}, "wide": {"width": 64}}  # two models: …/<name>/narrow and …/<name>/wide
    tags = ("block",)  # words that manifests and the runner select by
    required_pcc = 0.999  # None: the defaults of the element type, docs/models.md
    required_atol = 1e-4
    compiler_flags = {"llvm-cpu": ["--iree-opt-level=O2"]}  # by backend, or "all"; also importer_flags, runtime_flags

    # -- Settings of this class, optional too. ------------------------------------------------------------------------
    dim_values = {"batch": 4}  # what a symbolic dimension is when inputs are made; the model stays dynamic
    # input_shapes = {"x": (4, 16)}     whole shapes by input name
    # opset_version = 21                convert the model before use
    # outputs_vary = False              a model whose output is one repeated value on purpose
    # save_outputs = True               keep what is compared as .npy files beside the logs

    def load_model(self) -> Any:
        """Return an onnx.ModelProto, or the path of an .onnx file. `self.rng` is seeded: use it for weights."""
        width = self.parameters["width"]
        weights = self.rng.standard_normal((16, width)).astype(np.float32)
        graph = helper.make_graph(
            [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Relu", ["h"], ["y"])],
            "template",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 16])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", width])],
            [numpy_helper.from_array(weights, "w")],
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)

    # -- Hooks with a default; delete what you do not change. ---------------------------------------------------------
    def load_inputs(self) -> Any:
        """Arrays in the order of the graph's inputs, or by name. Default: seeded values of the declared types."""
        return super().load_inputs()

    def configure_session(self, options: Any) -> None:
        """Change ONNX Runtime's SessionOptions, say `options.add_session_config_entry(...)`. Default: nothing."""

    def forward(self, inputs: Any) -> Any:
        """The golden, by output name. Default: ONNX Runtime on the CPU."""
        return super().forward(inputs)

    def extract_outputs(self, outputs: Any) -> Any:
        """What of the outputs (by name) is compared; called for both sides. Default: everything."""
        return outputs

    def postprocess(self, outputs: Any) -> Any:
        """A last step before the comparison, for both sides: a softmax, boxes, … Default: nothing."""
        return outputs

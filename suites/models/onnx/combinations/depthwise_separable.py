"""A depthwise convolution and a pointwise one with clipped activations, as in MobileNet."""

from __future__ import annotations

from typing import Any

import numpy as np

from suites import OnnxModelTester
from suites.models.graphs import Graph


class DepthwiseSeparableTester(OnnxModelTester):
    tags = ("block",)

    def load_model(self) -> Any:
        graph = Graph(self.rng)
        image = graph.input("image", [1, 16, 20, 20])
        zero, six = np.float32(0), np.float32(6)
        kernel = graph.weight(16, 1, 3, 3, scale=1.0)
        deep = graph.add("Conv", image, kernel, group=16, pads=[1, 1, 1, 1], strides=[2, 2])
        wide = graph.add("Conv", graph.add("Clip", deep, zero, six), graph.weight(32, 16, 1, 1, scale=0.5))
        return graph.model({graph.add("Clip", wide, zero, six): [1, 32, 10, 10]})

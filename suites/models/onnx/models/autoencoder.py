"""A convolutional autoencoder that returns its code and the picture made from it, resized in between."""

from __future__ import annotations

from typing import Any

import numpy as np

from suites import OnnxModelTester
from suites.models.graphs import Graph


class AutoencoderTester(OnnxModelTester):
    tags = ("network", "vision")

    def load_model(self) -> Any:
        graph = Graph(self.rng)
        value = graph.input("image", [1, 1, 24, 24])
        for before, after in ((1, 8), (8, 12)):
            value = graph.add("Conv", value, graph.weight(after, before, 3, 3), pads=[1, 1, 1, 1], strides=[2, 2])
            value = graph.add("LeakyRelu", value, alpha=0.1)
        code = graph.add("Tanh", value)
        value = code
        for before, after in ((12, 8), (8, 1)):
            scales = np.array([1, 1, 2, 2], np.float32)
            value = graph.add("Resize", value, "", scales, mode="nearest", coordinate_transformation_mode="asymmetric")
            value = graph.add("Conv", value, graph.weight(after, before, 3, 3), pads=[1, 1, 1, 1])
        return graph.model({code: [1, 12, 6, 6], graph.add("Sigmoid", value): [1, 1, 24, 24]})

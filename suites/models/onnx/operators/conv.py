"""2-D convolutions: padded, strided, dilated, in groups, and depthwise."""

from __future__ import annotations

from typing import Any

from suites import OnnxModelTester
from suites.models.graphs import Graph


class ConvTester(OnnxModelTester):
    variants = {
        "padded": {"groups": 1, "attributes": {"pads": [1, 1, 1, 1]}, "size": 16},
        "strided": {"groups": 1, "attributes": {"strides": [2, 2], "pads": [1, 1, 1, 1]}, "size": 8},
        "dilated": {"groups": 1, "attributes": {"dilations": [2, 2]}, "size": 12},
        "grouped": {"groups": 4, "attributes": {"pads": [1, 1, 1, 1]}, "size": 16},
        "depthwise": {"groups": 8, "attributes": {"auto_pad": "SAME_UPPER"}, "size": 16},
    }
    tags = ("operator",)

    def load_model(self) -> Any:
        graph = Graph(self.rng)
        groups, size = self.parameters["groups"], self.parameters["size"]
        image = graph.input("image", [1, 8, 16, 16])
        kernel, bias = graph.weight(16, 8 // groups, 3, 3), graph.weight(16, scale=0.1)
        result = graph.add("Conv", image, kernel, bias, group=groups, **self.parameters["attributes"])
        return graph.model({result: [1, 16, size, size]})

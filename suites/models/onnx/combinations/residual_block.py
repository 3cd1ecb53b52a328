"""Two convolutions with a shortcut around them, as in ResNet; the second variant halves the image."""

from __future__ import annotations

from typing import Any

from suites import OnnxModelTester
from suites.models.graphs import Graph


class ResidualBlockTester(OnnxModelTester):
    variants = {"identity": {"stride": 1}, "projection": {"stride": 2}}
    tags = ("block",)

    def load_model(self) -> Any:
        graph = Graph(self.rng)
        stride = self.parameters["stride"]
        width, size = 16 * stride, 16 // stride
        x = graph.input("x", [1, 16, 16, 16])
        pads = [1, 1, 1, 1]
        first = graph.add(
            "Relu", graph.add("Conv", x, graph.weight(width, 16, 3, 3), strides=[stride, stride], pads=pads)
        )
        second = graph.add("Conv", first, graph.weight(width, width, 3, 3), pads=pads)
        shortcut = x if stride == 1 else graph.add("Conv", x, graph.weight(width, 16, 1, 1), strides=[stride, stride])
        return graph.model({graph.add("Relu", graph.add("Add", second, shortcut)): [1, width, size, size]})

"""A small U-Net: two steps down, two up by transposed convolution, and the skips between them."""

from __future__ import annotations

from typing import Any

from suites import OnnxModelTester
from suites.models.graphs import Graph


class UnetTester(OnnxModelTester):
    tags = ("network", "vision")

    def load_model(self) -> Any:
        graph = Graph(self.rng)
        value = graph.input("image", [1, 3, 32, 32])
        skips = []
        for before, after in ((3, 8), (8, 16)):
            skips.append(self._conv(graph, value, before, after))
            value = graph.add("MaxPool", skips[-1], kernel_shape=[2, 2], strides=[2, 2])
        value = self._conv(graph, value, 16, 32)
        for before, after in ((32, 16), (16, 8)):
            up = graph.add(
                "ConvTranspose",
                value,
                graph.weight(before, after, 2, 2, scale=0.2),
                kernel_shape=[2, 2],
                strides=[2, 2],
            )
            value = self._conv(graph, graph.add("Concat", up, skips.pop(), axis=1), before, after)
        return graph.model({graph.add("Conv", value, graph.weight(2, 8, 1, 1)): [1, 2, 32, 32]})

    def _conv(self, graph: Graph, x: str, before: int, after: int) -> str:
        conv = graph.add("Conv", x, graph.weight(after, before, 3, 3, scale=0.15), pads=[1, 1, 1, 1])
        name: str = graph.add("Relu", conv)
        return name

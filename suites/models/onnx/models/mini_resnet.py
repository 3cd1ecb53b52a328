"""A ResNet of three stages with batch normalisation and a global mean, logits for ten classes."""

from __future__ import annotations

from typing import Any

from suites import OnnxModelTester
from suites.models.graphs import Graph


class MiniResnetTester(OnnxModelTester):
    variants = {"shallow": {"blocks": 1}, "deep": {"blocks": 3}}
    tags = ("network", "vision")
    required_pcc = 0.9999

    def load_model(self) -> Any:
        graph = Graph(self.rng)
        image = graph.input("image", [1, 3, 32, 32])
        value = graph.add("Relu", self._conv(graph, image, (3, 16), 1))
        width = 16
        for stage in range(3):
            for block in range(self.parameters["blocks"]):
                stride = 2 if stage and not block else 1
                value = self._block(graph, value, (width, width * stride), stride)
                width *= stride
        pooled = graph.add("Flatten", graph.add("GlobalAveragePool", value))
        return graph.model({graph.add("Gemm", pooled, graph.weight(10, width), transB=1): [1, 10]})

    def _conv(self, graph: Graph, x: str, channels: tuple[int, int], stride: int, kernel: int = 3) -> str:
        before, after = channels
        pads = [kernel // 2] * 4
        conv = graph.add("Conv", x, graph.weight(after, before, kernel, kernel), pads=pads, strides=[stride, stride])
        shift, mean = graph.weight(after, scale=0.1), graph.weight(after, scale=0.1)
        name: str = graph.add("BatchNormalization", conv, graph.positive(after), shift, mean, graph.positive(after))
        return name

    def _block(self, graph: Graph, x: str, channels: tuple[int, int], stride: int) -> str:
        first = graph.add("Relu", self._conv(graph, x, channels, stride))
        second = self._conv(graph, first, (channels[1], channels[1]), 1)
        shortcut = x if stride == 1 else self._conv(graph, x, channels, stride, kernel=1)
        name: str = graph.add("Relu", graph.add("Add", second, shortcut))
        return name

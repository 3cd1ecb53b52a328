"""A small image classifier: three convolutions with pooling, and a linear head; the batch is dynamic."""

from __future__ import annotations

from typing import Any

from suites import OnnxModelTester
from suites.models.graphs import Graph


class TinyCnnTester(OnnxModelTester):
    tags = ("network", "vision", "dynamic")

    dim_values = {"batch": 2}

    def load_model(self) -> Any:
        graph = Graph(self.rng)
        value = graph.input("image", ["batch", 3, 32, 32])
        channels = 3
        for width in (16, 32, 64):
            value = graph.add("Conv", value, graph.weight(width, channels, 3, 3, scale=0.15), pads=[1, 1, 1, 1])
            value = graph.add("MaxPool", graph.add("Relu", value), kernel_shape=[2, 2], strides=[2, 2])
            channels = width
        flat = graph.add("Flatten", value)
        logits = graph.add("Gemm", flat, graph.weight(10, 64 * 16), graph.weight(10, scale=0.1), transB=1)
        return graph.model({logits: ["batch", 10]})

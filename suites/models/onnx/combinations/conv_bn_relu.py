"""Convolution, batch normalisation and ReLU: the block that compilers fold into one."""

from __future__ import annotations

from typing import Any

from suites import OnnxModelTester
from suites.models.graphs import Graph


class ConvBnReluTester(OnnxModelTester):
    variants = {"stride1": {"stride": 1}, "stride2": {"stride": 2}}
    tags = ("block",)

    def load_model(self) -> Any:
        graph = Graph(self.rng)
        stride, channels = self.parameters["stride"], 16
        image = graph.input("image", [2, 3, 32, 32])
        conv = graph.add("Conv", image, graph.weight(channels, 3, 3, 3), pads=[1, 1, 1, 1], strides=[stride, stride])
        shift, mean = graph.weight(channels, scale=0.1), graph.weight(channels, scale=0.1)
        normal = graph.add("BatchNormalization", conv, graph.positive(channels), shift, mean, graph.positive(channels))
        size = 32 // stride
        return graph.model({graph.add("Relu", normal): [2, channels, size, size]})

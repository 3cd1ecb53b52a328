"""Squeeze and excitation: each channel is scaled by what the mean of all channels says."""

from __future__ import annotations

from typing import Any

from suites import OnnxModelTester
from suites.models.graphs import Graph


class SqueezeExciteTester(OnnxModelTester):
    tags = ("block",)

    def load_model(self) -> Any:
        graph = Graph(self.rng)
        x = graph.input("x", [2, 16, 9, 9])
        mean = graph.add("GlobalAveragePool", x)
        squeezed = graph.add("Relu", graph.add("Conv", mean, graph.weight(4, 16, 1, 1, scale=1.0)))
        excited = graph.add("HardSigmoid", graph.add("Conv", squeezed, graph.weight(16, 4, 1, 1, scale=1.0)))
        return graph.model({graph.add("Mul", x, excited): [2, 16, 9, 9]})

"""SwiGLU, the gated layer of Llama: half of the features decide how much of the others passes."""

from __future__ import annotations

from typing import Any

from suites import OnnxModelTester
from suites.models.graphs import Graph


class GatedMlpTester(OnnxModelTester):
    tags = ("block", "dynamic")

    dim_values = {"batch": 3, "tokens": 5}

    def load_model(self) -> Any:
        graph = Graph(self.rng)
        x = graph.input("x", ["batch", "tokens", 32])
        gate = graph.add("MatMul", x, graph.weight(32, 48))
        opened = graph.add("Mul", gate, graph.add("Sigmoid", gate))
        passed = graph.add("Mul", opened, graph.add("MatMul", x, graph.weight(32, 48)))
        return graph.model({graph.add("MatMul", passed, graph.weight(48, 32)): ["batch", "tokens", 32]})

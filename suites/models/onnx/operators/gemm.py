"""Gemm with either side transposed, scaled, and with a bias that is broadcast."""

from __future__ import annotations

from typing import Any

from suites import OnnxModelTester
from suites.models.graphs import Graph


class GemmTester(OnnxModelTester):
    variants = {
        "plain": {"a": [12, 20], "b": [20, 8], "attributes": {}},
        "transposed": {"a": [20, 12], "b": [8, 20], "attributes": {"transA": 1, "transB": 1}},
        "scaled": {"a": [12, 20], "b": [20, 8], "attributes": {"alpha": 0.5, "beta": -2.0}},
    }
    tags = ("operator",)

    def load_model(self) -> Any:
        graph = Graph(self.rng)
        a, b = graph.input("a", self.parameters["a"]), graph.input("b", self.parameters["b"])
        result = graph.add("Gemm", a, b, graph.weight(8, scale=1.0), **self.parameters["attributes"])
        return graph.model({result: [12, 8]})

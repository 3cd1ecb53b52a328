"""Matrix products: plain, in a batch, with a batch broadcast on one side, and vector by matrix."""

from __future__ import annotations

from typing import Any

from suites import OnnxModelTester
from suites.models.graphs import Graph


class MatMulTester(OnnxModelTester):
    variants = {
        "plain": {"left": [64, 96], "right": [96, 32], "result": [64, 32]},
        "batch": {"left": [4, 16, 32], "right": [4, 32, 8], "result": [4, 16, 8]},
        "broadcast": {"left": [3, 1, 8, 16], "right": [5, 16, 4], "result": [3, 5, 8, 4]},
        "vector": {"left": [32], "right": [32, 48], "result": [48]},
    }
    tags = ("operator",)

    def load_model(self) -> Any:
        graph = Graph(self.rng)
        left = graph.input("left", self.parameters["left"])
        right = graph.input("right", self.parameters["right"])
        return graph.model({graph.add("MatMul", left, right): self.parameters["result"]})

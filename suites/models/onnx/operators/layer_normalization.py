"""Layer normalisation over the last axis and over the last two."""

from __future__ import annotations

from typing import Any

from suites import OnnxModelTester
from suites.models.graphs import Graph


class LayerNormalizationTester(OnnxModelTester):
    variants = {"last": {"axis": -1, "over": [32]}, "two": {"axis": -2, "over": [10, 32]}}
    tags = ("operator",)

    def load_model(self) -> Any:
        graph = Graph(self.rng)
        x = graph.input("x", [2, 10, 32])
        over = self.parameters["over"]
        scale, bias = graph.positive(*over), graph.weight(*over, scale=1.0)
        result = graph.add("LayerNormalization", x, scale, bias, axis=self.parameters["axis"], epsilon=1e-5)
        return graph.model({result: [2, 10, 32]})

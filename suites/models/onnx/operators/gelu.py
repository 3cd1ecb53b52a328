"""Gelu, exact and approximated by tanh."""

from __future__ import annotations

from typing import Any

from suites import OnnxModelTester
from suites.models.graphs import Graph


class GeluTester(OnnxModelTester):
    variants = {"exact": {"approximate": "none"}, "tanh": {"approximate": "tanh"}}
    tags = ("operator",)

    def load_model(self) -> Any:
        graph = Graph(self.rng)
        x = graph.input("x", [16, 24])
        return graph.model({graph.add("Gelu", x, **self.parameters): [16, 24]})

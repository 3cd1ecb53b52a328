"""Two linear layers with a Gelu between them, for any number of rows: the batch stays dynamic."""

from __future__ import annotations

from typing import Any

from suites import OnnxModelTester
from suites.models.graphs import Graph


class MlpTester(OnnxModelTester):
    variants = {"one": {"rows": 1}, "many": {"rows": 33}}
    tags = ("block", "dynamic")

    def load_model(self) -> Any:
        graph = Graph(self.rng)
        x = graph.input("x", ["batch", 24])
        hidden = graph.add("Gemm", x, graph.weight(64, 24), graph.weight(64, scale=0.1), transB=1)
        bent = graph.add("Gelu", hidden)
        result = graph.add("Gemm", bent, graph.weight(10, 64), graph.weight(10, scale=0.1), transB=1)
        return graph.model({result: ["batch", 10]})

    def shape_of(self, value: Any) -> tuple[int, ...]:
        return (self.parameters["rows"], *super().shape_of(value)[1:])

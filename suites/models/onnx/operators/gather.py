"""Rows of an embedding table taken by integer indices of a dynamic length."""

from __future__ import annotations

from typing import Any

from onnx import TensorProto

from suites import OnnxModelTester
from suites.models.graphs import Graph


class GatherTester(OnnxModelTester):
    tags = ("operator", "dynamic")

    dim_values = {"tokens": 7}

    def load_model(self) -> Any:
        graph = Graph(self.rng)
        ids = graph.input("ids", ["tokens"], TensorProto.INT64)
        return graph.model({graph.add("Gather", graph.weight(10, 16, scale=1.0), ids): ["tokens", 16]})

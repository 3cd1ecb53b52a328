"""A transformer encoder with embeddings, attention and layer normalisation, over dynamic batch and length."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto

from suites import OnnxModelTester
from suites.models.graphs import Graph

WIDTH, HEADS, WORDS, LONGEST = 32, 4, 10, 16


class TinyEncoderTester(OnnxModelTester):
    variants = {"one": {"layers": 1}, "three": {"layers": 3}}
    tags = ("network", "text", "dynamic", "transformer")
    required_pcc = 0.9999

    dim_values = {"batch": 2, "tokens": 9}

    def load_model(self) -> Any:
        graph = Graph(self.rng)
        ids = graph.input("ids", ["batch", "tokens"], TensorProto.INT64)
        length = graph.add("Gather", graph.add("Shape", ids), np.array([1]))
        places = graph.add("Slice", graph.weight(LONGEST, WIDTH, scale=1.0), np.array([0]), length, np.array([0]))
        value = graph.add("Add", graph.add("Gather", graph.weight(WORDS, WIDTH, scale=1.0), ids), places)
        for _ in range(self.parameters["layers"]):
            value = self._normal(graph, graph.add("Add", value, self._attention(graph, value)))
            bent = graph.add("Gelu", graph.add("MatMul", value, graph.weight(WIDTH, 2 * WIDTH)))
            value = self._normal(
                graph, graph.add("Add", value, graph.add("MatMul", bent, graph.weight(2 * WIDTH, WIDTH)))
            )
        return graph.model({value: ["batch", "tokens", WIDTH]})

    def _normal(self, graph: Graph, x: str) -> str:
        name: str = graph.add("LayerNormalization", x, graph.positive(WIDTH), graph.weight(WIDTH, scale=0.1))
        return name

    def _attention(self, graph: Graph, x: str) -> str:
        split, joined = np.array([0, 0, HEADS, WIDTH // HEADS]), np.array([0, 0, WIDTH])
        parts = [graph.add("Reshape", graph.add("MatMul", x, graph.weight(WIDTH, WIDTH)), split) for _ in range(3)]
        orders = ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3])
        query, key, value = (graph.add("Transpose", p, perm=o) for p, o in zip(parts, orders, strict=True))
        scores = graph.add("Mul", graph.add("MatMul", query, key), np.float32((WIDTH // HEADS) ** -0.5))
        mixed = graph.add("MatMul", graph.add("Softmax", scores, axis=-1), value)
        whole = graph.add("Reshape", graph.add("Transpose", mixed, perm=[0, 2, 1, 3]), joined)
        name: str = graph.add("MatMul", whole, graph.weight(WIDTH, WIDTH))
        return name

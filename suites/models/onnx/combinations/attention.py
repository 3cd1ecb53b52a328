"""Scaled dot-product attention with several heads, spelled out; plain and with a causal mask."""

from __future__ import annotations

from typing import Any

import numpy as np

from suites import OnnxModelTester
from suites.models.graphs import Graph

HEADS, TOKENS, WIDTH = 4, 12, 32


class AttentionTester(OnnxModelTester):
    variants = {"plain": {"causal": False}, "causal": {"causal": True}}
    tags = ("block", "transformer")

    def load_model(self) -> Any:
        graph = Graph(self.rng)
        x = graph.input("x", [2, TOKENS, WIDTH])
        query, key, value = (self._heads(graph, x, order) for order in ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3]))
        scores = graph.add("Mul", graph.add("MatMul", query, key), np.float32((WIDTH // HEADS) ** -0.5))
        if self.parameters["causal"]:
            scores = graph.add("Add", scores, np.triu(np.full((TOKENS, TOKENS), -1e9, np.float32), 1))
        mixed = graph.add("MatMul", graph.add("Softmax", scores, axis=-1), value)
        joined = graph.add("Reshape", graph.add("Transpose", mixed, perm=[0, 2, 1, 3]), np.array([2, TOKENS, WIDTH]))
        return graph.model({graph.add("MatMul", joined, graph.weight(WIDTH, WIDTH)): [2, TOKENS, WIDTH]})

    def _heads(self, graph: Graph, x: str, order: list[int]) -> str:
        projected = graph.add("MatMul", x, graph.weight(WIDTH, WIDTH))
        split = graph.add("Reshape", projected, np.array([2, TOKENS, HEADS, WIDTH // HEADS]))
        name: str = graph.add("Transpose", split, perm=order)
        return name

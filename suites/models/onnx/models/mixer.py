"""MLP-Mixer: patches of an image, mixed across patches and across channels in turn."""

from __future__ import annotations

from typing import Any

import numpy as np

from suites import OnnxModelTester
from suites.models.graphs import Graph

PATCHES, WIDTH = 16, 24


class MixerTester(OnnxModelTester):
    tags = ("network", "vision")

    def load_model(self) -> Any:
        graph = Graph(self.rng)
        image = graph.input("image", [2, 3, 32, 32])
        patches = graph.add("Conv", image, graph.weight(WIDTH, 3, 8, 8), strides=[8, 8])
        value = graph.add("Transpose", graph.add("Reshape", patches, np.array([2, WIDTH, PATCHES])), perm=[0, 2, 1])
        for _ in range(2):
            turned = graph.add("Transpose", self._normal(graph, value), perm=[0, 2, 1])
            back = graph.add("Transpose", self._mlp(graph, turned, PATCHES), perm=[0, 2, 1])
            value = graph.add("Add", value, back)
            value = graph.add("Add", value, self._mlp(graph, self._normal(graph, value), WIDTH))
        pooled = graph.add("ReduceMean", self._normal(graph, value), np.array([1]), keepdims=0)
        return graph.model({graph.add("MatMul", pooled, graph.weight(WIDTH, 10)): [2, 10]})

    def _normal(self, graph: Graph, x: str) -> str:
        name: str = graph.add("LayerNormalization", x, graph.positive(WIDTH), graph.weight(WIDTH, scale=0.1))
        return name

    def _mlp(self, graph: Graph, x: str, width: int) -> str:
        hidden = graph.add("Gelu", graph.add("MatMul", x, graph.weight(width, 2 * width)))
        name: str = graph.add("MatMul", hidden, graph.weight(2 * width, width))
        return name

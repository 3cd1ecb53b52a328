"""Softmax and LogSoftmax over the last, a middle and the first axis, on values wide enough to overflow naively."""

from __future__ import annotations

from typing import Any

from suites import OnnxModelTester
from suites.models.graphs import Graph


class SoftmaxTester(OnnxModelTester):
    variants = {
        "last": {"op": "Softmax", "axis": -1},
        "middle": {"op": "Softmax", "axis": 1},
        "log": {"op": "LogSoftmax", "axis": -1},
        "first": {"op": "Softmax", "axis": 0},
    }
    tags = ("operator",)

    def load_model(self) -> Any:
        graph = Graph(self.rng)
        x = graph.input("x", [4, 6, 10])
        return graph.model({graph.add(self.parameters["op"], x, axis=self.parameters["axis"]): [4, 6, 10]})

    def load_inputs(self) -> Any:
        return {name: 100 * value for name, value in super().load_inputs().items()}  # exp(100) is no float32

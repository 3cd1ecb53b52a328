"""One LSTM layer over a sequence, forward and in both directions: all states and the last ones."""

from __future__ import annotations

from typing import Any

from suites import OnnxModelTester
from suites.models.graphs import Graph


class LstmTester(OnnxModelTester):
    variants = {"forward": {"directions": 1}, "bidirectional": {"directions": 2}}
    tags = ("operator",)

    def load_model(self) -> Any:
        graph = Graph(self.rng)
        directions, hidden = self.parameters["directions"], 12
        x = graph.input("x", [9, 2, 8])
        weights = (
            graph.weight(directions, 4 * hidden, 8, scale=0.3),
            graph.weight(directions, 4 * hidden, hidden, scale=0.3),
        )
        bias = graph.weight(directions, 8 * hidden, scale=0.1)
        states, last, cell = graph.add("LSTM", x, *weights, bias, outputs=3, hidden_size=hidden, direction=self.variant)
        ends = [directions, 2, hidden]
        return graph.model({states: [9, directions, 2, hidden], last: ends, cell: ends})

"""Two stacked LSTMs and a linear layer over every step: a tag's scores for each word."""

from __future__ import annotations

from typing import Any

import numpy as np

from suites import OnnxModelTester
from suites.models.graphs import Graph


class SequenceTaggerTester(OnnxModelTester):
    tags = ("network", "text")

    def load_model(self) -> Any:
        graph = Graph(self.rng)
        value, width = graph.input("words", [11, 1, 16]), 16
        for hidden in (24, 12):
            weights = (graph.weight(1, 4 * hidden, width, scale=0.3), graph.weight(1, 4 * hidden, hidden, scale=0.3))
            states = graph.add("LSTM", value, *weights, graph.weight(1, 8 * hidden, scale=0.1), hidden_size=hidden)
            value, width = graph.add("Squeeze", states, np.array([1])), hidden
        return graph.model({graph.add("MatMul", value, graph.weight(width, 5)): [11, 1, 5]})

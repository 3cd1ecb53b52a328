"""Model files for tests: texts written into suites folders, and testers that are wrong on purpose."""

from __future__ import annotations

from pathlib import Path

HEAD = """\
from __future__ import annotations
from onnx import TensorProto, helper, numpy_helper
import numpy as np
from suites import OnnxModelTester
from suites.models.graphs import Graph

"""

#: y = relu(x @ w), 4 x 8 by 8 x 6.
GOOD = (
    HEAD
    + '''
class Good(OnnxModelTester):
    """A small model."""

    def load_model(self):
        graph = Graph(self.rng)
        x = graph.input("x", [4, 8])
        return graph.model({graph.add("Relu", graph.add("MatMul", x, graph.weight(8, 6))): [4, 6]})
'''
)


def put(root: Path, name: str, text: str) -> Path:
    """Write a file below a folder."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path

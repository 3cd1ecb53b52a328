"""Short spellings for the graphs of model files: nodes, weights and value types turned into an onnx.ModelProto."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 21
IR_VERSION = 10

Shape = Sequence[int | str]
FLOAT = TensorProto.FLOAT


class Graph:
    """A graph that grows by calls: each adds one node and returns the name of its (first) output.

    Weights are given as arrays where a value's name could stand. Dimensions that are texts are symbolic.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self._nodes: list[Any] = []
        self._inputs: list[Any] = []
        self._weights: list[Any] = []

    def input(self, name: str, shape: Shape, element: int = FLOAT) -> str:
        """Declare an input."""
        self._inputs.append(helper.make_tensor_value_info(name, element, shape))
        return name

    def weight(self, *shape: int, scale: float | None = None) -> NDArray[np.float32]:
        """Values from N(0, scale^2); without a scale from N(0, 1 / fan-in), the fan-in being all but the first size."""
        wanted = float(np.prod(shape[1:])) ** -0.5 if scale is None else scale
        drawn: NDArray[np.float32] = self.rng.standard_normal(shape, dtype=np.float32) * np.float32(wanted)
        return drawn

    def positive(self, *shape: int) -> NDArray[np.float32]:
        """Values from 0.5 to 1.5: scales and variances."""
        return self.rng.uniform(0.5, 1.5, shape).astype(np.float32)

    def add(self, op: str, *inputs: Any, outputs: int = 1, **attributes: Any) -> Any:
        """Add a node; the name of its output, or a tuple of names where there are several. `""` is no input."""
        number = len(self._nodes)
        names = [self._named(each, f"{op}_{number}_{n}") for n, each in enumerate(inputs)]
        made = tuple(f"{op.lower()}_{number}" if n == 0 else f"{op.lower()}_{number}_{n}" for n in range(outputs))
        self._nodes.append(helper.make_node(op, names, list(made), **attributes))
        return made[0] if outputs == 1 else made

    def _named(self, value: Any, name: str) -> str:
        if isinstance(value, str):
            return value
        self._weights.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def model(self, outputs: Mapping[str, Shape], element: int = FLOAT) -> Any:
        """The model that returns these values, which keep their names."""
        declared = [helper.make_tensor_value_info(name, element, shape) for name, shape in outputs.items()]
        graph = helper.make_graph(self._nodes, "main_graph", self._inputs, declared, self._weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)

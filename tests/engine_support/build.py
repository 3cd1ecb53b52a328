"""A shard of real one-operator models, and the command line over it with batches that may meet with a fault."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Sequence
from typing import Any

import onnx
from onnx import TensorProto, helper

from runner.pool import BATCHES_VARIABLE
from schemas.record import Record
from tests.runner_support.build import FakeSuite

REAL = "runner.worker:run"
FAULTY = "tests.engine_support.worker:run"
FAULT = "E2ESHARD_TEST_FAULT"
LIE = "failed to legalize operation 'made.up'"
CHATTER = 3 << 20  # bytes that a compiler says after its error
STATE = "E2ESHARD_TEST_STATE"
#: Operators with one float input of which the compiler makes code in a moment.
OPERATORS = ("Abs", "Neg", "Exp", "Floor", "Sqrt", "Relu", "Ceil", "Sigmoid", "Tanh", "Erf", "Cos", "Sin")


def model(operator: str, *, domain: str = "", name: str = "graph", rows: int = 2) -> bytes:
    """A model of one node, ``y = operator(x)`` of rows of three floats."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [rows, 3])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [rows, 3])
    graph = helper.make_graph([helper.make_node(operator, ["x"], ["y"], domain=domain)], name, [x], [y])
    made: onnx.ModelProto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    made.ir_version = 8
    return bytes(made.SerializeToString())


def unknown_model(name: str, rows: int = 2) -> bytes:
    """A model of one node that the compiler refuses: an operator of opset 24 that it does not know."""
    proto = onnx.load_from_string(model("Swish", name=name, rows=rows))
    proto.opset_import[0].version = 24
    proto.ir_version = 11
    return bytes(proto.SerializeToString())


class RealSuite(FakeSuite):
    """Models by name: what stands before the first ``-`` is the operator."""

    def __init__(self, root: pathlib.Path, names: Sequence[str], **settings: Any) -> None:
        settings.setdefault("worker", REAL)
        settings.setdefault("memory", "4GiB")
        settings.setdefault("stage", "60s")
        settings.setdefault("timeout", "2m")
        super().__init__(root, [names], **settings)
        for name in names:
            path = self.suites / "models" / f"{name}.onnx"
            path.write_bytes(model(name.partition("-")[0]))
        (root / "state").mkdir(exist_ok=True)
        self.write_matrix()

    def write_unknown(self, names: Sequence[str]) -> None:
        """Put models that are refused, each of another size, in the places of these."""
        for rows, name in enumerate(names, 2):
            (self.suites / "models" / f"{name}.onnx").write_bytes(unknown_model(name, rows))
        self.write_matrix()

    def environment(self, **extra: str) -> dict[str, str]:
        """With batches, and a place for the faults' memory."""
        return super().environment(**{BATCHES_VARIABLE: "1", STATE: str(self.root / "state"), **extra})

    def outcomes(self) -> dict[str, str]:
        """By model name."""
        return {name: str(record.outcome) for name, record in self.records().items()}


def together(records: dict[str, Record]) -> set[str]:
    """The names of those that passed with others and were not drawn."""
    return {name for name, each in records.items() if each.together is not None and not each.together.again}


def state() -> pathlib.Path:
    """Where faults remember."""
    return pathlib.Path(os.environ[STATE])

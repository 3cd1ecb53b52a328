"""A model and its inputs become the value of every tensor in it, by ONNX Runtime as the model is written."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from onnx.reference import ReferenceEvaluator

from runner.ops.onnx_node import Context, Operand, arguments_of, model_of, output_names
from runner.ort_values import from_ort, to_ort
from runner.tensors import ELEMENT_TYPES, Array

#: Where the weights of a model that is handed over as bytes lie.
_FOLDER_OF_WEIGHTS = "session.model_external_initializers_file_folder_path"
_ERRORS_ONLY = 3
_LARGEST_MESSAGE = 2**31 - 2**20


class CannotRunError(Exception):
    """ONNX Runtime does not run this, with its own words."""


class AllAtOnce:
    """Every numeric tensor that a node of the main graph computes, in one pass.

    Raises CannotRunError where ONNX Runtime refuses that. ``folder``: where the weights lie that are not in the model.
    """

    def __init__(self, model: Any, folder: pathlib.Path, inputs: Mapping[str, Array]) -> None:
        probed = onnx.ModelProto()
        probed.CopyFrom(model)
        there = {each.name for each in probed.graph.output}
        for name in dict.fromkeys(name for node in model.graph.node for name in node.output if name):
            if name not in there:
                probed.graph.output.append(onnx.ValueInfoProto(name=name))
        try:
            session = _session(probed, folder)
            wanted = [each.name for each in session.get_outputs() if _is_numeric(each.type)]
            self._values = dict(zip(wanted, _run(session, wanted, inputs), strict=True))
        except CannotRunError:
            raise
        except Exception as error:  # ONNX Runtime's exceptions have no common base
            raise CannotRunError(str(error)) from error

    def of(self, node: Any, given: Sequence[Operand | None]) -> dict[str, Array]:
        """The numeric outputs of a node, each handed out once."""
        del given
        return {name: self._values.pop(name) for name in node.output if name in self._values}


class NodeByNode:
    """The same, each node when its turn comes; by ONNX's reference where ONNX Runtime has no kernel for it."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def of(self, node: Any, given: Sequence[Operand | None]) -> dict[str, Array]:
        """The numeric outputs of a node for its operands' values; raises CannotRunError where neither runs it."""
        names = output_names(node)
        model = model_of(self._context, node, given, [onnx.ValueInfoProto(name=each) for each in names])
        inputs = arguments_of(node, given)
        values: Sequence[Any]
        try:
            session = _session(model, pathlib.Path())
            numeric = [each.name for each in session.get_outputs() if _is_numeric(each.type)]
            found = dict(zip(numeric, _run(session, numeric, inputs), strict=True)) if numeric else {}
            values = [found.get(each) for each in names]
        except Exception as error:  # noqa: BLE001 - likewise
            values = _by_reference(model, names, inputs, error)
        return {
            name: value
            for name, value in zip(filter(None, node.output), values, strict=True)
            if isinstance(value, np.ndarray) and value.dtype.name in ELEMENT_TYPES
        }


def _by_reference(model: Any, names: Sequence[str], inputs: Mapping[str, Array], refused: Exception) -> Sequence[Any]:
    try:
        return list(ReferenceEvaluator(model).run(list(names), dict(inputs)))
    except Exception as error:
        raise CannotRunError(f"{refused}; and ONNX's reference: {error}") from error


def _session(model: Any, folder: pathlib.Path) -> ort.InferenceSession:
    """One thread and no optimisation: each node is computed, as it is written, in the same way in every run."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = _ERRORS_ONLY
    options.add_session_config_entry(_FOLDER_OF_WEIGHTS, str(folder.absolute()))
    if model.ByteSize() > _LARGEST_MESSAGE:
        raise CannotRunError("the model is larger than a message can be: keep its weights in a file beside it")
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def _run(session: ort.InferenceSession, names: Iterable[str], inputs: Mapping[str, Array]) -> tuple[Array, ...]:
    known = {each.name for each in session.get_inputs()}
    given = {name: to_ort(value, ort.OrtValue) for name, value in inputs.items() if name in known}
    return tuple(from_ort(value) for value in session.run_with_ort_values(list(names), given))


def _is_numeric(kind: str) -> bool:
    """``tensor(float)``, and neither ``seq(tensor(float))`` nor ``tensor(string)``."""
    return kind.startswith("tensor(") and kind != "tensor(string)"

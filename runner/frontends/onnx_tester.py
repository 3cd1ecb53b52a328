"""An OnnxModelTester's hooks become the stages of the path `onnx`."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper

from runner.failures import StageFailure
from runner.frontends import onnx_data, onnx_importer
from runner.frontends.hooks import is_overridden, refuse_constant
from runner.frontends.python_class import load_tester
from runner.protocol import Job
from runner.tensors import ELEMENT_TYPES, Array
from runner.work import Golden, Imported
from schemas.errors import InfraError
from suites.models.onnx_tester import OnnxModelTester, caller_inputs

_GOLDEN_HOOKS = ("load_inputs", "forward", "configure_session")
_HOOKS = ("extract_outputs", "postprocess", "save_processed_outputs")


class OnnxTesterFrontend:
    """The path `onnx` for a class of the authoring face; each hook runs in the stage that its docstring names."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._tester: OnnxModelTester
        self._graph = onnx.GraphProto()
        self._outputs: tuple[str, ...] = ()

    def setup(self) -> None:
        """Run the file, construct the class, load the model and let ONNX's checker judge it."""
        if self._job.load_inputs:
            raise InfraError("--load-inputs: a model file makes its own inputs", "leave --load-inputs out")
        tester = load_tester(pathlib.Path(self._job.source), self._job.case, pathlib.Path(self._job.folder))
        if not isinstance(tester, OnnxModelTester):
            msg = f"{type(tester).__name__} does not derive from OnnxModelTester, which the path onnx needs"
            raise TypeError(msg)
        self._tester = tester
        model = tester.prepare()
        onnx.checker.check_model(str(model))
        self._graph = tester.graph()
        self._outputs = tuple(each.name for each in self._graph.output)

    def source_files(self) -> tuple[pathlib.Path, ...]:
        """The class's own file, and the model with its external data where that is a file of its own."""
        model = pathlib.Path(self._tester.model_file)
        return (pathlib.Path(self._job.source), model, *onnx_data.external_files(model))

    def import_model(self, folder: pathlib.Path) -> Imported:
        """What ``iree-import-onnx`` writes for the prepared model and the case's import flags."""
        return onnx_importer.import_file(self.onnx_file(folder), folder, onnx_importer.flags_of(self._job.case))

    def onnx_file(self, _folder: pathlib.Path) -> pathlib.Path:
        """What ``load_model`` returned or made."""
        return self._tester.model_file

    def construct_inputs(self) -> tuple[Array, ...]:
        """What ``load_inputs`` returns, in the graph's order; raises ValueError where it does not fit the graph."""
        self._tester.seed_for("load_inputs")
        values = self._tester.load_inputs()
        wanted = caller_inputs(self._graph)
        named = _named(values, [each.name for each in wanted], "load_inputs")
        return tuple(_fitting(each, named[each.name]) for each in wanted)

    def native_inference(self, inputs: tuple[Array, ...]) -> tuple[Golden, ...]:
        """What ``forward`` returns for copies of the inputs, which it may therefore change."""
        names = [each.name for each in caller_inputs(self._graph)]
        self._tester.seed_for("forward")
        made = self._tester.forward({name: np.array(value) for name, value in zip(names, inputs, strict=True)})
        named = _named(made, self._outputs, "forward")
        return tuple(Golden(name, named[name]) for name in self._outputs)

    def predictable_model(self) -> pathlib.Path | None:
        """What the class loaded, where none of its own code makes inputs or golden, or sets up ONNX Runtime."""
        own = is_overridden(self._tester, OnnxModelTester, _GOLDEN_HOOKS)
        return None if own else self._tester.model_file

    def adopt(self) -> None:
        """Nothing more is known of it."""

    def postprocess(self, outputs: tuple[Array, ...]) -> tuple[Array, ...]:
        """The hooks' view of the compiled outputs; left alone where their number is wrong, which comparison tells."""
        if len(outputs) != len(self._outputs):
            return outputs
        return tuple(self._processed(dict(zip(self._outputs, outputs, strict=True)), "compiled").values())

    def postprocess_golden(self, golden: tuple[Golden, ...]) -> tuple[Golden, ...]:
        """The hooks' view of the golden; raises StageFailure where a whole output is one value."""
        processed = self._processed({each.name: each.value for each in golden}, "golden")
        if self._tester.outputs_vary:
            refuse_constant(processed)
        return tuple(Golden(name, value) for name, value in processed.items())

    def is_plain(self, golden: tuple[Golden, ...]) -> bool:
        """Whether the class leaves all hooks of the outputs as they are, and no golden output is one value."""
        if self._tester.save_outputs or is_overridden(self._tester, OnnxModelTester, _HOOKS):
            return False
        if self._tester.outputs_vary:
            try:
                refuse_constant({each.name: each.value for each in golden})
            except StageFailure:
                return False  # its own stage tells
        return True

    def _processed(self, outputs: Mapping[str, Array], side: str) -> dict[str, Array]:
        self._tester.seed_for("extract_outputs")
        extracted = _flat(self._tester.extract_outputs(outputs), "extract_outputs")
        self._tester.seed_for("postprocess")
        processed = _flat(self._tester.postprocess(extracted), "postprocess")
        self._tester.save_processed_outputs(processed, pathlib.Path(self._job.logs) / "outputs" / side)
        return processed

    def notes(self) -> tuple[str, ...]:
        """Where inputs and golden came from."""
        return (f"inputs: load_inputs, seed {self._job.case.seed}", "golden: forward")


def _named(values: Any, names: Sequence[str], hook: str) -> dict[str, Array]:
    """Arrays by name, of a mapping, a sequence or one array; raises ValueError for other names or counts."""
    if isinstance(values, Mapping):
        if set(values) != set(names):
            msg = f"{hook} returned {', '.join(map(str, values)) or 'nothing'}; the model has {', '.join(names)}"
            raise ValueError(msg)
        return {name: _array(values[name], hook) for name in names}
    listed = values if isinstance(values, (tuple, list)) else (values,)
    if len(listed) != len(names):
        msg = f"{hook} returned {len(listed)} values; the model has {len(names)}: {', '.join(names)}"
        raise ValueError(msg)
    return {name: _array(value, hook) for name, value in zip(names, listed, strict=True)}


def _flat(values: Any, hook: str) -> dict[str, Array]:
    """Arrays by name; those of a sequence are called by their number."""
    if isinstance(values, Mapping):
        return {str(name): _array(value, hook) for name, value in values.items()}
    listed = values if isinstance(values, (tuple, list)) else (values,)
    return {str(number): _array(value, hook) for number, value in enumerate(listed)}


def _array(value: Any, hook: str) -> Array:
    array = np.asarray(value)
    if array.dtype.name not in ELEMENT_TYPES:
        msg = f"{hook} returned a {type(value).__name__} of {array.dtype}: numeric arrays are compared"
        raise TypeError(msg)
    return array


def _fitting(wanted: Any, value: Array) -> Array:
    """The array, once its type and its fixed dimensions are the graph's: nothing is cast or broadcast silently."""
    tensor = wanted.type.tensor_type
    dtype = np.dtype(helper.tensor_dtype_to_np_dtype(tensor.elem_type))
    if value.dtype != dtype:
        msg = f"load_inputs: {wanted.name} is {value.dtype}, the model takes {dtype}"
        raise ValueError(msg)
    if tensor.HasField("shape"):
        declared = [each.dim_value if each.HasField("dim_value") else None for each in tensor.shape.dim]
        fits = len(declared) == value.ndim and all(
            size in (None, given) for size, given in zip(declared, value.shape, strict=True)
        )
        if not fits:
            shown = ", ".join("?" if size is None else str(size) for size in declared)
            msg = f"load_inputs: {wanted.name} has shape {value.shape}, the model takes ({shown})"
            raise ValueError(msg)
    return value

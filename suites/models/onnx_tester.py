"""An ONNX model made by code turned into a file, its inputs, and ONNX Runtime's outputs."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from suites.models.base import Tester

Array = NDArray[Any]

#: Above this a protobuf message cannot be one file: tensors go into `weights.bin` beside it.
_LARGEST_MESSAGE = 2**31 - 2**20
_SEEDED_INTEGERS = 10


class OnnxModelTester(Tester):
    """`load_model` returns an `onnx.ModelProto` or the path of an `.onnx` file; everything else has a default."""

    #: Values of symbolic dimensions (`batch`, …) when inputs are made; 1 where not given. The model stays dynamic.
    dim_values: ClassVar[Mapping[str, int]] = {}
    #: Whole shapes by input name; stronger than `dim_values`.
    input_shapes: ClassVar[Mapping[str, Sequence[int]]] = {}
    #: Convert an older model to this opset of the default domain before anything reads it.
    opset_version: int | None = None

    model_file: Path  # after `prepare`: what the importer and ONNX Runtime read

    @abc.abstractmethod
    def load_model(self) -> Any:
        """The `onnx.ModelProto`, or the path of a file (its external data beside it)."""

    def prepare(self) -> Path:
        """Call `load_model`, update the opset where wanted, and leave the model in a file."""
        self.seed_for("load_model")
        made = self.load_model()
        if isinstance(made, onnx.ModelProto):
            self.model_file = save(self._updated(made), self.folder / "model.onnx")
        elif not isinstance(made, (str, Path)):
            msg = f"load_model returned a {type(made).__name__}: return an onnx.ModelProto or the path of an .onnx file"
            raise TypeError(msg)
        elif self.opset_version is not None:
            self.model_file = save(self._updated(onnx.load(made)), self.folder / "model.onnx")
        else:
            self.model_file = Path(made)
        return self.model_file

    def _updated(self, model: Any) -> Any:
        default = next((each.version for each in model.opset_import if each.domain in ("", "ai.onnx")), 1)
        if self.opset_version is None or default >= self.opset_version:
            return model
        return onnx.version_converter.convert_version(model, self.opset_version)

    def graph(self) -> Any:
        """The graph of the prepared model, without external data."""
        return onnx.load(self.model_file, load_external_data=False).graph

    def shape_of(self, value: Any) -> tuple[int, ...]:
        """The shape an input is made in: `input_shapes`, else declared dimensions with `dim_values`, else 1."""
        if value.name in self.input_shapes:
            return tuple(self.input_shapes[value.name])
        if not value.type.tensor_type.HasField("shape"):
            msg = f"input {value.name} has no declared rank: give its shape in input_shapes"
            raise ValueError(msg)
        return tuple(
            each.dim_value if each.WhichOneof("value") == "dim_value" else self.dim_values.get(each.dim_param, 1)
            for each in value.type.tensor_type.shape.dim
        )

    def load_inputs(self) -> Any:
        """Seeded values of the declared types: floats from N(0, 1), integers from 0 to 9, booleans evenly."""
        wanted = caller_inputs(self.graph())
        self._check_names(wanted)
        return {value.name: self._random(value) for value in wanted}

    def _check_names(self, wanted: Sequence[Any]) -> None:
        """A misspelt name would silently give a dimension of 1."""
        dims = {dim.dim_param for value in wanted for dim in value.type.tensor_type.shape.dim if dim.dim_param}
        names = [value.name for value in wanted]
        unknown = [*(self.dim_values.keys() - dims), *(self.input_shapes.keys() - set(names))]
        if unknown:
            msg = f"no input or dimension is called {', '.join(sorted(unknown))}: the model has {', '.join(names)}"
            msg += f" with the dimensions {', '.join(sorted(dims))}" if dims else " and no symbolic dimension"
            raise ValueError(msg)

    def _random(self, value: Any) -> Array:
        dtype = np.dtype(helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type))
        shape = self.shape_of(value)
        if dtype.kind == "f":
            return np.asarray(self.rng.standard_normal(shape)).astype(dtype)
        if dtype.kind in "iu":
            return np.asarray(self.rng.integers(0, _SEEDED_INTEGERS, shape)).astype(dtype)
        if dtype.kind == "b":
            return np.asarray(self.rng.integers(0, 2, shape)).astype(dtype)
        msg = f"input {value.name}: no values are made up for {dtype.name}; override load_inputs"
        raise ValueError(msg)

    def configure_session(self, options: Any) -> None:
        """Change the `onnxruntime.SessionOptions` of the golden: graph optimisation, threads, configuration entries."""

    def forward(self, inputs: Mapping[str, Array]) -> Any:
        """ONNX Runtime's outputs on the CPU, by name."""
        return run_session(self.model_file, inputs, self.configure_session)


def caller_inputs(graph: Any) -> tuple[Any, ...]:
    """The inputs that a caller passes: those of the graph without an initializer of the same name."""
    initialized = {each.name for each in graph.initializer} | {each.values.name for each in graph.sparse_initializer}
    return tuple(each for each in graph.input if each.name not in initialized)


def save(model: Any, path: Path) -> Path:
    """Write a model; tensors go into `weights.bin` beside it where one message could not hold them."""
    tensors = sum(len(each.raw_data) for each in model.graph.initializer)
    if tensors < _LARGEST_MESSAGE:
        onnx.save(model, path)
    else:
        onnx.save(model, path, save_as_external_data=True, all_tensors_to_one_file=True, location="weights.bin")
    return path


def run_session(path: Path, inputs: Mapping[str, Array], configure: Any = None) -> dict[str, Array]:
    """All outputs of a file by name; one thread, so that sums are taken in the same order in every run.

    Values are of types that NumPy has. Raises ONNX Runtime's own exceptions.
    """
    import onnxruntime as ort  # noqa: PLC0415 - not needed where a model only compiles

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    if configure is not None:
        configure(options)
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    values = session.run(None, dict(inputs))
    return {each.name: value for each, value in zip(session.get_outputs(), values, strict=True)}

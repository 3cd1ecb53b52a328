"""An ONNX model becomes a module that returns values of its nodes, and ONNX Runtime's own values of them."""

from __future__ import annotations

import os
import pathlib
import shutil
from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import onnx
from onnx import helper

from runner.frontends import onnx_data, onnx_importer
from runner.intermediates.values import Value
from runner.ort_values import from_ort, to_ort
from runner.tensors import ELEMENT_TYPES, Array
from runner.work import Imported, Work, present
from schemas.errors import UsageError

#: Operators that draw random numbers; Dropout is looked at by itself.
_RANDOM = frozenset(
    {"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli"}
)
_LITERAL = "Constant"
_FILE = "model.onnx"


@runtime_checkable
class _OfOnnx(Protocol):
    def onnx_file(self, folder: pathlib.Path) -> pathlib.Path:
        """The model as a file."""


class OnnxSubject:
    """Meets ``Subject``. Nodes of sub-graphs are no values of their own."""

    label = ""

    def __init__(self, work: Work) -> None:
        if not isinstance(work.frontend, _OfOnnx):
            raise UsageError(f"{type(work.frontend).__name__} has no ONNX model", "load the model: run from setup on")
        place = work.folder / "source"
        place.mkdir()
        self._file = work.frontend.onnx_file(place)
        self._model = onnx.load(self._file, load_external_data=False)
        self._external = onnx_data.external_files(self._file)
        self._inputs = present(work.inputs, "inputs")
        self._scratch = work.folder
        self._flags = _flags(work, external=bool(self._external))
        self._types = _inferred(self._file, external=bool(self._external))
        self.values, self.left_out = self._listed()

    def _listed(self) -> tuple[tuple[Value, ...], int]:
        values, tainted = [], set[str]()
        for node in self._model.graph.node:
            names = [each for each in node.output if each]
            if _is_random(node) or tainted & set(_read(node)):
                tainted.update(names)
            elif node.op_type != _LITERAL:
                domain = f"{node.domain}." if node.domain else ""
                op = f"onnx.{domain}{node.op_type}"
                values += [Value(name, op, _size(self._types.get(name))) for name in names if self._is_tensor(name)]
        return tuple(values), len(tainted)

    def _is_tensor(self, name: str) -> bool:
        """Numbers, as far as is known before a run."""
        known = self._types.get(name)
        if known is None:
            return True
        kind = known.type.WhichOneof("value")
        return kind in (None, "tensor_type") and known.type.tensor_type.elem_type != onnx.TensorProto.STRING

    def inputs(self) -> tuple[Array, ...]:
        """Those of the case."""
        return self._inputs

    def golden(self, chosen: Sequence[Value]) -> tuple[Array, ...]:
        """What ONNX Runtime computes without any optimisation, since that would leave values out."""
        import onnxruntime as ort  # noqa: PLC0415 - 100 ms

        file = self._with_outputs([onnx.ValueInfoProto(name=each.name) for each in chosen], self._scratch / "golden")
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        session = ort.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        names = (each.name for each in onnx_data.graph_inputs(self._model.graph))
        given = {name: to_ort(each, ort.OrtValue) for name, each in zip(names, self._inputs, strict=True)}
        found = session.run_with_ort_values([each.name for each in chosen], given)
        return tuple(from_ort(each) for each in found)

    def write_module(self, chosen: Sequence[Value], golden: Sequence[Array], folder: pathlib.Path) -> Imported:
        """The model with other outputs, whose types are those of their golden values."""
        outputs = [
            helper.make_tensor_value_info(value.name, helper.np_dtype_to_tensor_dtype(made.dtype), made.shape)
            for value, made in zip(chosen, golden, strict=True)
        ]
        return onnx_importer.import_file(self._with_outputs(outputs, folder / "onnx"), folder, self._flags)

    def _with_outputs(self, outputs: Sequence[Any], folder: pathlib.Path) -> pathlib.Path:
        """The model with these outputs, its external data beside it."""
        folder.mkdir(exist_ok=True)
        model = onnx.ModelProto()
        model.CopyFrom(self._model)
        del model.graph.output[:]
        model.graph.output.extend(outputs)
        names = {each.name for each in outputs}
        kept = [each for each in model.graph.value_info if each.name not in names]
        del model.graph.value_info[:]
        model.graph.value_info.extend(kept)
        for each in self._external:
            _beside(each, folder / each.relative_to(self._file.parent))
        file = folder / _FILE
        onnx.save(model, file)
        return file


def _flags(work: Work, *, external: bool) -> tuple[str, ...]:
    """The importer's flags; weights go into an archive where the model's own module has one."""
    flags = onnx_importer.flags_of(work.job.case)
    archive = external if work.imported is None else work.imported.parameters is not None
    return (*flags, onnx_importer.EXTERNALIZE) if archive and onnx_importer.EXTERNALIZE not in flags else flags


def _inferred(file: pathlib.Path, *, external: bool) -> dict[str, Any]:
    """What ONNX's shape inference says of the values, by name; nothing where it gives up."""
    try:
        model = onnx.load(file, load_external_data=external)
        graph = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    except Exception:  # noqa: BLE001 - sizes are a help for making portions, no more
        return {}
    return {each.name: each for each in (*graph.value_info, *graph.output)}


def _size(known: Any) -> int:
    """Bytes of a value, 0 where they are not known before a run."""
    if known is None or known.type.WhichOneof("value") != "tensor_type":
        return 0
    tensor = known.type.tensor_type
    if not tensor.HasField("shape") or not tensor.elem_type:
        return 0
    dtype = np.dtype(helper.tensor_dtype_to_np_dtype(tensor.elem_type))
    count = int(np.prod([each.dim_value for each in tensor.shape.dim], dtype=np.int64))
    return count * dtype.itemsize if dtype.name in ELEMENT_TYPES else 0


def _is_random(node: Any) -> bool:
    """Dropout draws numbers only where an input says that it trains."""
    return node.op_type in _RANDOM or (node.op_type == "Dropout" and len(node.input) > 2 and bool(node.input[2]))  # noqa: PLR2004 - its third input


def _read(node: Any) -> list[str]:
    """All that a node reads, its sub-graphs too."""
    found = [each for each in node.input if each]
    for attribute in node.attribute:
        graphs = (*attribute.graphs, *((attribute.g,) if attribute.HasField("g") else ()))
        found += [name for graph in graphs for inner in graph.node for name in _read(inner)]
    return found


def _beside(source: pathlib.Path, link: pathlib.Path) -> None:
    """The same file under another name; ONNX follows no symbolic link."""
    link.parent.mkdir(parents=True, exist_ok=True)
    if link.exists():
        return
    try:
        os.link(source, link)
    except OSError:  # another file system
        shutil.copyfile(source, link)

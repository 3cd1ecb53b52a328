"""One call of a PyTorch operator with its tensors becomes a program of its own: key, operands, golden, module."""

from __future__ import annotations

import operator
import pathlib
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import torch
from iree.compiler.extras.fx_importer import FxImporter
from iree.compiler.ir import UnitAttr
from torch import fx
from torch._ops import OpOverload
from torch._subclasses import FakeTensorMode

from runner.frontends.mlir import context, entry_point
from runner.frontends.torch_values import dtype_name, to_array
from runner.ops.torch_interpret import Computed
from runner.ops.torch_layout import Slot, layout_of, type_of
from runner.ops.torch_skip import told_of, users_of
from runner.tensors import Array
from runner.work import Golden, Imported
from schemas.ops import OpKey, TensorType
from schemas.opwords import OpBackend

ENTRY = "main"
#: The attribute that says which results are read, of an operation some of whose results are not.
READ = "results"
#: As the importer of whole programs sets it: sizes that are 1 are the only ones that are broadcast.
_STRICT_SHAPES = "torch.assume_strict_symbolic_shapes"


class TorchOp:
    """Meets ``OpProgram``. The results of its module are those that the model reads."""

    def __init__(self, target: OpOverload, computed: Computed) -> None:
        self._node = computed.node
        self._target = target
        self._told = told_of(computed)
        self._computed = computed.error is None
        self._layout = layout_of(target, computed.args, computed.kwargs)
        self._several = isinstance(self._told, (tuple, list))
        self._read = self._places_read()

    def _places_read(self) -> tuple[int, ...]:
        if not self._several:
            return ()
        there = tuple(place for place, each in enumerate(self._told) if isinstance(each, torch.Tensor))
        return tuple(place for place in users_of(self._node) if place in there) or there

    def _results(self) -> tuple[torch.Tensor, ...]:
        return tuple(self._told[place] for place in self._read) if self._several else (self._told,)

    @cached_property
    def key(self) -> OpKey:
        """Operator, types of its tensors, and its other arguments; no value of a tensor matters."""
        attributes = self._layout.attributes
        if self._several and len(self._read) < sum(isinstance(each, torch.Tensor) for each in self._told):
            attributes += ((READ, ", ".join(map(str, self._read))),)
        return OpKey(
            backend=OpBackend.TORCH, name=str(self._target), operands=self._layout.operands, attributes=attributes
        )

    @property
    def results(self) -> tuple[TensorType, ...]:
        """As PyTorch gave them."""
        return tuple(type_of(each) for each in self._results())

    def operands(self) -> tuple[Array, ...]:
        """The values of the tensors among the arguments, lists taken apart."""
        return tuple(to_array(each) for each in self._layout.tensors)

    def golden(self) -> tuple[Golden, ...] | None:
        """What PyTorch computed in the model, under the names of the results' places."""
        if not self._computed:
            return None
        names = [str(place) for place in self._read] if self._several else ["output"]
        return tuple(Golden(name, to_array(each)) for name, each in zip(names, self._results(), strict=True))

    def write_module(self, folder: pathlib.Path) -> Imported:
        """The operator alone, by the importer of whole programs."""
        graph = self._graph()
        importer = FxImporter(context=context())
        function = importer.import_stateless_graph(graph, func_name=ENTRY)
        with importer.module.context:
            function.attributes[_STRICT_SHAPES] = UnitAttr.get()
        importer.module.operation.verify()
        file = folder / f"{ENTRY}.mlir"
        file.write_text(importer.module.operation.get_asm(), encoding="utf-8")
        return Imported(file, entry_point(importer.module))

    def _graph(self) -> fx.Graph:
        graph, mode = fx.Graph(), FakeTensorMode()
        slots = [_placeholder(graph, number, each, mode) for number, each in enumerate(self._layout.tensors)]
        args = _filled(self._layout.args, slots)
        kwargs = {name: _filled(each, slots) for name, each in self._layout.kwargs.items()}
        call = graph.call_function(self._target, tuple(args), kwargs)
        call.meta["val"] = self._described(mode)
        taken = [graph.call_function(operator.getitem, (call, place)) for place in self._read]
        for node, place in zip(taken, self._read, strict=True):
            node.meta["val"] = call.meta["val"][place]
        graph.output(tuple(taken) if self._several else (call,))
        return graph

    def _described(self, mode: FakeTensorMode) -> Any:
        """The results as the importer reads them: sizes that depend on values stay open, as in the model."""
        told = self._told
        if torch.Tag.dynamic_output_shape in self._target.tags:
            told = self._node.meta.get("val", told)

        def fake(value: Any) -> Any:
            return _like(value, mode) if isinstance(value, torch.Tensor) else value

        if not isinstance(told, (tuple, list)):
            return fake(told)
        listed = len(self._target._schema.returns) == 1  # noqa: SLF001 - PyTorch's only way to a schema
        return (list if listed else tuple)(map(fake, told))


def _placeholder(graph: fx.Graph, number: int, tensor: torch.Tensor, mode: FakeTensorMode) -> fx.Node:
    node = graph.placeholder(f"operand_{number}")
    node.meta["val"] = _like(tensor, mode)
    return node


def _like(tensor: torch.Tensor, mode: FakeTensorMode) -> torch.Tensor:
    """Sizes and element type without memory; a tensor with open sizes is such a one already."""
    if not all(isinstance(size, int) for size in tensor.shape):
        return tensor
    dtype_name(tensor.dtype)
    with mode:
        return torch.empty(tuple(tensor.shape), dtype=tensor.dtype)


def _filled(value: Any, slots: Sequence[fx.Node]) -> Any:
    if isinstance(value, Slot):
        return slots[value.number]
    if isinstance(value, (list, tuple)):
        return [_filled(each, slots) for each in value]
    return value

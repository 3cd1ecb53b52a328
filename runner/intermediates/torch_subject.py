"""A program of a PyTorch model becomes a module that returns values of its nodes, and PyTorch's own values of them."""

from __future__ import annotations

import operator
import pathlib
from collections.abc import Sequence

import torch
from iree.compiler.extras.fx_as_strided import rewrite_as_strided
from torch import fx
from torch._ops import OpOverload
from torch.export.graph_signature import OutputKind, OutputSpec, TensorArgument

from runner.frontends import torch_parameters
from runner.frontends.torch_program import import_as_it_is
from runner.frontends.torch_values import to_array
from runner.frontends.torch_walkable import Walkable, Walked
from runner.intermediates.values import Subject, Value
from runner.ops.torch_interpret import interpret
from runner.ops.torch_layout import type_of
from runner.ops.torch_skip import read_by, undefined
from runner.tensors import Array
from runner.work import Imported, Work, present
from schemas.case import Case
from schemas.errors import UsageError


def torch_subjects(work: Work) -> Sequence[Subject]:
    """The model's programs, made anew; of a broken model each is checked on the inputs that PyTorch gives it."""
    if not isinstance(work.frontend, Walkable):
        raise UsageError(f"{type(work.frontend).__name__} has no PyTorch programs", "load the model: run from setup on")
    programs = list(work.frontend.programs(present(work.inputs, "inputs")))
    return [TorchSubject(work.job.case, each, number, len(programs)) for number, each in enumerate(programs)]


class TorchSubject:
    """Meets ``Subject``."""

    def __init__(self, case: Case, walked: Walked, number: int, count: int) -> None:
        rewrite_as_strided(walked.program.graph)  # the importer's own first step
        self._case = case
        self._walked = walked
        self._number, self._count = number, count
        self._nodes: dict[str, fx.Node] = {}
        self.values, self.left_out = self._listed()

    @property
    def label(self) -> str:
        """``graph 2 of 5``."""
        return f"graph {self._number + 1} of {self._count}" if self._count > 1 else ""

    def _listed(self) -> tuple[tuple[Value, ...], int]:
        """The values with a golden: no random number and no uninitialised memory went into them."""
        values, tainted = [], set[fx.Node]()
        for computed in interpret(self._walked.program, self._walked.inputs):
            node = computed.node
            lost = not computed.fed or computed.error is not None or undefined(computed)
            if lost or any(each in tainted for each in read_by(node)):
                tainted.add(node)
            elif isinstance(computed.value, torch.Tensor) and _fits(computed.value):
                self._nodes[node.name] = node
                values.append(Value(node.name, _operator(node), computed.value.nbytes))
        return tuple(values), sum(isinstance(each.meta.get("val"), torch.Tensor) for each in tainted)

    def inputs(self) -> tuple[Array, ...]:
        """What the program is called with."""
        return tuple(to_array(each) for each in self._walked.inputs)

    def golden(self, chosen: Sequence[Value]) -> tuple[Array, ...]:
        """PyTorch's values, from a run of the whole program."""
        wanted = {each.name for each in chosen}
        found: dict[str, Array] = {}
        for computed in interpret(self._walked.program, self._walked.inputs):
            if computed.node.name in wanted:
                found[computed.node.name] = to_array(computed.value)
                if len(found) == len(wanted):
                    break
        return tuple(found[each.name] for each in chosen)

    def write_module(self, chosen: Sequence[Value], golden: Sequence[Array], folder: pathlib.Path) -> Imported:
        """The program with other outputs; its weights go where the case's tuning puts them."""
        del golden
        program, entry = self._walked.program, self._walked.entry
        outputs = [OutputSpec(OutputKind.USER_OUTPUT, TensorArgument(each.name), None) for each in chosen]
        program.graph_signature.output_specs[:] = outputs
        (output,) = program.graph.find_nodes(op="output")
        output.args = (tuple(self._nodes[each.name] for each in chosen),)
        return import_as_it_is(program, folder, torch_parameters.weights_of(self._case, program, folder), entry)


def _fits(value: torch.Tensor) -> bool:
    try:
        type_of(value)
    except TypeError:
        return False
    return True


def _operator(node: fx.Node) -> str:
    """What computes the value: of one of several results the operation that has them."""
    if node.target is operator.getitem:
        (source,) = node.all_input_nodes[:1]
        return f"{source.target}, result {node.args[1]}"
    return str(node.target) if isinstance(node.target, OpOverload) else str(getattr(node.target, "__name__", ""))

"""A model that cannot be exported whole becomes its graphs, found by running it under Dynamo, and its code around them.

Graphs are numbered in the order in which they are first called. Python between them, and what PyTorch does there, runs
as it is: on this machine's CPU, at import as at inference.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import fx
from torch._dynamo import config, reset
from torch.export import ExportedProgram
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes

from runner.frontends.torch_flat import outputs_of
from runner.frontends.torch_program import ENTRY_OF_GRAPH, export_program, outputs_only
from runner.frontends.torch_state import preserved
from runner.frontends.torch_tree import Flat
from runner.work import Piece

#: A function with another shape or number each time would be compiled anew without end.
_MOST_GRAPHS = 64
_SETTINGS = {
    "automatic_dynamic_shapes": False,
    "assume_static_by_default": True,
    "specialize_int": True,
    "recompile_limit": _MOST_GRAPHS,
    "accumulated_recompile_limit": _MOST_GRAPHS,
    "fail_on_recompile_limit_hit": True,
}


class Graph:
    """One graph of a model: what its compiled function takes and gives."""

    def __init__(
        self, number: int, module: fx.GraphModule, args: Sequence[Any], weights: Sequence[torch.Tensor]
    ) -> None:
        known = {id(each) for each in weights}
        self.number = number
        self.module = module
        #: Places of the arguments that the function takes; the weights among the others become part of its module.
        self.places = tuple(
            place for place, each in enumerate(args) if isinstance(each, torch.Tensor) and id(each) not in known
        )
        self.digest = _digest(module, [args[place] for place in self.places])

    @property
    def entry(self) -> str:
        """The name of its function and module."""
        return ENTRY_OF_GRAPH.format(self.number)

    def given(self, args: Sequence[Any]) -> tuple[torch.Tensor, ...]:
        """The function's arguments among those of a call."""
        return tuple(args[place] for place in self.places)

    def program(self, args: Sequence[Any]) -> tuple[ExportedProgram, tuple[int, ...]]:
        """The graph as a program over its tensors; after the graph's outputs come new values of changed arguments.

        The second value names the places of those.
        """
        program = export_program(_Bound(self.module, args, self.places), self.given(args))
        inputs = list(program.graph_signature.user_inputs)
        mutated = outputs_only(program, mutated_inputs=True)
        return program, tuple(self.places[inputs.index(each.input)] for each in mutated)


class Called(NamedTuple):
    """A graph with copies of the arguments that it was first called with."""

    graph: Graph
    args: tuple[Any, ...]


class Captured(NamedTuple):
    """All graphs of a model, and the operators that PyTorch ran between them, with how often."""

    graphs: tuple[Called, ...]
    between: Counter[str]


def capture(model: torch.nn.Module, args: Sequence[Any], kwargs: dict[str, Any]) -> Captured:
    """Run the model once under Dynamo; its graphs. Raises what Dynamo raises, and ValueError where it finds none."""
    found: list[Called] = []

    def run(graph: Graph, module_args: Sequence[Any]) -> Any:
        if graph.number == len(found):
            found.append(Called(graph, tuple(_copied(graph, module_args))))
        return graph.module(*module_args)

    _, between = _under_dynamo(model, args, kwargs, run)
    if not found:
        msg = "Dynamo found no graph in the model either: everything in it would run in Python"
        raise ValueError(msg)
    return Captured(tuple(found), between)


def run_pieces(
    model: torch.nn.Module,
    args: Sequence[Any],
    kwargs: dict[str, Any],
    pieces: Sequence[Piece],
    call: Callable[[int, tuple[torch.Tensor, ...]], Sequence[torch.Tensor]],
) -> Flat:
    """What the model returns when ``call`` runs its graphs, given their number and tensors.

    Raises ValueError where the graphs are not those that were imported.
    """

    def run(graph: Graph, module_args: Sequence[Any]) -> Any:
        number = graph.number
        if number >= len(pieces) or pieces[number].digest != graph.digest:
            msg = f"{numbered(number, len(pieces))} is another one than was imported: its shapes, types or code differ"
            raise ValueError(msg)
        places = pieces[number].changed
        outputs = list(call(number, graph.given(module_args)))
        kept, new = outputs[: len(outputs) - len(places)], outputs[len(outputs) - len(places) :]
        for place, value in zip(places, new, strict=True):
            module_args[place].copy_(value)
        return tuple(kept)

    returned, _ = _under_dynamo(model, args, kwargs, run)
    return returned


def numbered(number: int, count: int) -> str:
    """``graph 2 of 5`` for the number 1."""
    return f"graph {number + 1} of {count}"


def _under_dynamo(
    model: torch.nn.Module, args: Sequence[Any], kwargs: dict[str, Any], run: Callable[[Graph, Sequence[Any]], Any]
) -> tuple[Flat, Counter[str]]:
    weights = tuple(model.parameters())
    graphs: list[Graph] = []

    def backend(module: fx.GraphModule, _examples: Sequence[Any]) -> Callable[..., Any]:
        made: list[Graph] = []

        def called(*module_args: Any) -> Any:
            if not made:
                made.append(Graph(len(graphs), module, module_args, weights))
                graphs.append(made[0])
            with _disable_current_modes():
                return run(made[0], module_args)

        return called

    between = _Between()
    with _clean_dynamo(), torch.no_grad(), preserved(model):
        compiled = torch.compile(model, backend=backend, dynamic=False)
        with between:
            returned = compiled(*args, **kwargs)
        return outputs_of(returned).copied(), between.operators


class _Between(TorchDispatchMode):  # type: ignore[no-untyped-call] # likewise, of __init_subclass__
    """Counts what PyTorch runs between the graphs."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # torch's own lacks the types
        self.operators: Counter[str] = Counter()

    @classmethod
    def ignore_compile_internals(cls) -> bool:
        """Dynamo compiles nothing under a mode that does not say so."""
        return True

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        del types
        self.operators[str(func)] += 1
        return func(*args, **(kwargs or {}))


@contextmanager
def _clean_dynamo() -> Iterator[None]:
    reset()
    with config.patch(_SETTINGS):
        yield
    reset()


class _Bound(torch.nn.Module):
    """A graph's module with all arguments but the tensors at ``places`` bound to it."""

    def __init__(self, module: fx.GraphModule, args: Sequence[Any], places: Sequence[int]) -> None:
        super().__init__()
        self.module = module
        self._args = list(args)
        self._places = tuple(places)
        self._bound: dict[int, str] = {}
        for place, each in enumerate(args):
            if place not in places and isinstance(each, torch.Tensor):
                self._bound[place] = f"weight_{place}"
                self.register_parameter(f"weight_{place}", torch.nn.Parameter(each.detach(), requires_grad=False))

    def forward(self, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The tensors that the graph returns."""
        args = list(self._args)
        for place, name in self._bound.items():
            args[place] = getattr(self, name)
        for place, tensor in zip(self._places, tensors, strict=True):
            args[place] = tensor
        returned = pytree.tree_leaves(self.module(*args))
        odd = [each for each in returned if not isinstance(each, torch.Tensor)]
        if odd:
            msg = f"the graph returns {odd[0]!r} among its tensors, which a compiled function cannot"
            raise TypeError(msg)
        return tuple(returned)


def _copied(graph: Graph, args: Sequence[Any]) -> list[Any]:
    """The arguments of a call, of the tensors that a graph may change copies."""
    copies = list(args)
    for place in graph.places:
        copies[place] = args[place].detach().clone()
    return copies


def _digest(module: fx.GraphModule, tensors: Sequence[torch.Tensor]) -> str:
    shapes = [f"{each.dtype}{tuple(each.shape)}" for each in tensors]
    return hashlib.sha256("\n".join([module.code, *shapes]).encode()).hexdigest()

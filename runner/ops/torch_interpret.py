"""An exported program and its inputs become the values of its nodes, one after the other, as PyTorch computes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import fx
from torch._ops import OpOverload
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind, InputSpec
from torch.utils import _pytree as pytree


class Missing:
    """Stands for the value of a node that PyTorch could not compute, and of all that read it."""


MISSING = Missing()


class Computed(NamedTuple):
    """One node that calls something: with what, and what came back. ``error`` is PyTorch's, where it raised one."""

    node: fx.Node
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    value: Any
    error: Exception | None = None

    @property
    def fed(self) -> bool:
        """Whether all that it reads has values."""
        return not any(isinstance(each, Missing) for each in pytree.tree_leaves((self.args, self.kwargs)))


def interpret(program: ExportedProgram, inputs: Sequence[torch.Tensor]) -> Iterator[Computed]:
    """Every node that calls something, in the program's order; values that no later node reads are let go.

    Arguments that an operator changes are told as copies made before. Where the program has such an operator, all
    values are told as copies, since a view of what it changes may have been told long before.

    Raises TypeError for a program that takes something other than tensors and constants.
    """
    values: dict[fx.Node, Any] = dict(_bound(program, inputs))
    last = _last_readers(program.graph)
    changes = any(_changes(node) for node in program.graph.nodes)
    for node in program.graph.nodes:
        if node.op == "get_attr":
            values[node] = _attribute(program.graph_module, str(node.target))
        elif node.op == "call_function":
            computed = _call(node, values)
            values[node] = computed.value
            yield _apart(computed) if changes else computed
            del computed
        for read in last.get(node, ()):
            del values[read]


def _call(node: fx.Node, values: dict[fx.Node, Any]) -> Computed:
    args = fx.map_arg(node.args, values.__getitem__)
    kwargs = dict(fx.map_arg(node.kwargs, values.__getitem__))
    told = Computed(node, args, kwargs, MISSING)
    if not told.fed:
        return told
    if _changes(node):
        told = told._replace(args=_copied(args), kwargs=_copied(kwargs))
    try:
        with torch.no_grad():
            made = node.target(*args, **kwargs)  # type: ignore[operator] # a call_function's target is callable
    except Exception as error:  # noqa: BLE001 - PyTorch's kernels raise exceptions of any kind
        return told._replace(error=error)
    return told._replace(value=made)


def _changes(node: fx.Node) -> bool:
    """Whether it calls an operator that writes into an argument."""
    return isinstance(node.target, OpOverload) and node.target._schema.is_mutable  # noqa: SLF001 - PyTorch's only way


def _apart(computed: Computed) -> Computed:
    """The same with values that nothing else refers to."""
    return computed._replace(
        args=_copied(computed.args), kwargs=_copied(computed.kwargs), value=_copied(computed.value)
    )


def _copied(values: Any) -> Any:
    return pytree.tree_map(lambda each: each.clone() if isinstance(each, torch.Tensor) else each, values)


def _bound(program: ExportedProgram, inputs: Sequence[torch.Tensor]) -> Iterator[tuple[fx.Node, Any]]:
    given = iter(inputs)
    nodes = program.graph.find_nodes(op="placeholder")
    for node, spec in zip(nodes, program.graph_signature.input_specs, strict=True):
        if spec.kind is InputKind.USER_INPUT and hasattr(spec.arg, "value"):  # a constant: no argument of the function
            yield node, spec.arg.value
        elif spec.kind is InputKind.USER_INPUT:
            yield node, next(given)
        else:
            yield node, _state(program, spec)


def _state(program: ExportedProgram, spec: InputSpec) -> torch.Tensor:
    name = str(spec.target)
    inside = spec.kind is InputKind.PARAMETER or (spec.kind is InputKind.BUFFER and spec.persistent)
    found = (program.state_dict if inside else program.constants).get(name)
    if not isinstance(found, torch.Tensor):
        msg = f"the program's {spec.kind.name.lower()} {name} is no tensor: such a program cannot be interpreted"
        raise TypeError(msg)
    return found.detach()


def _attribute(module: torch.nn.Module, path: str) -> Any:
    found: Any = module
    for name in path.split("."):
        found = getattr(found, name)
    return found


def _last_readers(graph: fx.Graph) -> dict[fx.Node, list[fx.Node]]:
    """By node, the nodes whose values nobody reads after it; what the program returns is such a value too."""
    last: dict[fx.Node, list[fx.Node]] = {}
    for node in graph.nodes:
        if node.op != "output":
            readers = [each for each in node.users if each.op != "output"]
            last.setdefault(max(readers, default=node), []).append(node)
    return last

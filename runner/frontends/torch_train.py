"""A model in training mode becomes a program of one step: its loss, and the gradients of that by inputs and weights.

The forward pass is exported as for mode eval, PyTorch's autograd is traced through it, and what comes out, forward and
backward together, is exported again: a program like any other.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch._decomp import decomposition_table
from torch.export import ExportedProgram
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn.attention import SDPBackend, sdpa_kernel

from runner.failures import StageFailure
from runner.frontends.torch_flat import Arguments, FlatModule
from runner.frontends.torch_program import export_program
from runner.frontends.torch_train_golden import Gradients, gradients, noise_floors, sources_of, state_of
from runner.frontends.torch_train_random import refuse_random, switch_off_dropout
from runner.tensors import Array

NO_GRADIENT = "the loss has no gradient: comparing it proves nothing"


class Training:
    """One training step of a model in mode train.

    Outputs are called ``loss``, ``grad.input.<name>`` and ``grad.<parameter>``. What the loss does not reach has no
    gradient and is no output, on either side; nor are the running statistics of normalisations.
    """

    def __init__(self, flat: FlatModule, arguments: Arguments) -> None:
        self._flat = flat
        self._arguments = arguments
        self._sources = sources_of(flat, arguments)
        self._off = switch_off_dropout(flat.model)
        self._found: Gradients | None = None
        self._floors: dict[str, float] | None = None

    def on(self, arguments: Arguments) -> Training:
        """The same step on other values."""
        other = Training(self._flat, arguments)
        other._off = self._off
        return other

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the outputs, in order."""
        return tuple(self.take().named)

    def program(self) -> ExportedProgram:
        """Forward and backward pass, on the tensors of the arguments. Raises what torch.export raises of the model.

        Raises ValueError where the model draws random numbers.
        """
        names, tensors = self.names, self._arguments.tensors
        with torch.no_grad():
            forward = torch.export.export(self._flat, tensors, strict=False).module(check_guards=False)
        state = state_of(self._flat)
        sources = {name: self._sources[name] for name in names if name != "loss"}

        def step(values: Sequence[torch.Tensor], inputs: Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...]:
            made = gradients(forward, dict(zip(state, values, strict=True)), inputs, sources).named
            if tuple(made) != names:
                missing = ", ".join(name for name in names if name not in made)
                msg = f"the exported model's loss does not reach {missing}, as the model's own does"
                raise ValueError(msg)
            return tuple(made.values())

        # The fused kernels of attention have backward passes that no compiler knows; their parts have.
        with sdpa_kernel(SDPBackend.MATH):
            trace = make_fx(step, _backward_table(), tracing_mode="fake", _allow_non_fake_inputs=True)
            traced = trace(list(state.values()), list(tensors))
        program = export_program(_Step(self._flat.model, traced), tensors)
        refuse_random(program)
        for node in program.graph.nodes:  # it names lines of a text that is made anew each time
            node.meta.pop("stack_trace", None)
        return program

    def golden(self) -> dict[str, torch.Tensor]:
        """The outputs by PyTorch's own autograd; zeros for those that are rounding noise.

        Raises StageFailure where all gradients are.
        """
        found, floors = self.take(), self._noise()
        if all(name in floors for name in found.named if name != "loss"):
            raise StageFailure(
                NO_GRADIENT,
                "every gradient of the outputs' mean is zero or rounding noise, as after a last normalisation\n"
                "mend: let load_model return a module whose outputs' mean depends on its weights",
            )
        return {name: torch.zeros_like(each) if name in floors else each for name, each in found.named.items()}

    def settle(self, outputs: Sequence[Array]) -> tuple[Array, ...]:
        """The compiled outputs, with zeros where a whole one is noise; left alone where their number is wrong."""
        if len(outputs) != len(self.names):
            return tuple(outputs)
        return tuple(self._settled(name, each) for name, each in zip(self.names, outputs, strict=True))

    def _settled(self, name: str, value: Array) -> Array:
        floor = self._noise().get(name)
        if floor is None or not abs(value).max(initial=0) <= floor:
            return value
        zeros: Array = value * 0
        return zeros

    def notes(self) -> tuple[str, ...]:
        """What a reader of the record should know of the step."""
        if self._found is None:  # there was no step
            return ()
        missing = [name for name, each in self._found.by_name.items() if each is None]
        noise = [f"{name} (up to {floor:.1e})" for name, floor in (self._floors or {}).items()]
        return tuple(
            note
            for listed, note in (
                (("loss",), "train: loss is the mean of each floating output, summed; golden: PyTorch's autograd"),
                (self._off, f"train: dropout set to 0: {_shown(self._off)}"),
                (missing, f"train: no gradient, not compared: {_shown(missing)}"),
                (noise, f"train: rounding noise in PyTorch, compared as zero: {_shown(noise)}"),
            )
            if listed
        )

    def take(self) -> Gradients:
        """The step in PyTorch, taken once; raises TypeError where no output of the model can make a loss."""
        if self._found is None:
            self._found = gradients(self._flat, state_of(self._flat), self._arguments.tensors, self._sources)
        return self._found

    def _noise(self) -> dict[str, float]:
        if self._floors is None:
            found = self.take()
            self._floors = noise_floors(self._flat, self._arguments.tensors, self._sources, found)
        return self._floors


class _Step(torch.nn.Module):
    """The traced step, called with the inputs alone: the model's own parameters and buffers go with them."""

    def __init__(self, model: torch.nn.Module, traced: torch.fx.GraphModule) -> None:
        super().__init__()
        self.model = model
        self.traced = traced

    def forward(self, *inputs: torch.Tensor) -> Any:
        """The step's outputs, in order."""
        state = [*dict(self.model.named_parameters()).values(), *dict(self.model.named_buffers()).values()]
        return self.traced(state, list(inputs))


@functools.cache
def _backward_table() -> dict[Any, Callable[..., Any]]:
    """Backward passes that PyTorch itself writes in simpler operators: few of them are known to a compiler."""
    return {each: parts for each, parts in dict(decomposition_table).items() if "_backward" in str(each)}


def _shown(names: Sequence[str], limit: int = 8) -> str:
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more

"""A model, its inputs and PyTorch's own autograd become a loss with its gradients, and what of them is rounding noise.

The loss is the mean of each floating output, summed over the outputs. Some gradients are zero by construction (by a
bias before a normalisation, by an attention's key bias): PyTorch computes rounding noise for them, and a compiled
module other noise. A second run in 64-bit floats finds them; they are compared as the zeros that they stand for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch.func import functional_call

from runner.frontends.torch_flat import Arguments, FlatModule

Tensors = Sequence[torch.Tensor]
#: Noise differs from the result in 64-bit floats by at least this part of that one's size ...
_OFF = 0.1
#: ... and either that one is nothing beside it, or it is itself at the limit of what its type can add up.
_NOTHING = 1e-3
#: How far beyond PyTorch's noise a compiled module's may go.
_LEEWAY = 16.0


@dataclass(frozen=True)
class Gradients:
    """The loss of one training step and its gradients by name; ``None`` where the loss does not reach something."""

    loss: torch.Tensor
    by_name: Mapping[str, torch.Tensor | None]

    @property
    def named(self) -> dict[str, torch.Tensor]:
        """``loss`` and every gradient that there is: the outputs of mode train, in order."""
        return {"loss": self.loss, **{name: each for name, each in self.by_name.items() if each is not None}}


def mean_loss(outputs: Sequence[torch.Tensor]) -> torch.Tensor:
    """The mean of each floating output, summed; raises TypeError where there is none."""
    means = [each.mean() for each in outputs if each.is_floating_point()]
    if not means:
        shown = ", ".join(str(each.dtype) for each in outputs)
        msg = (
            f"mode train: no output of the model is a floating-point tensor (it has {shown}), so there is no loss: "
            "let load_model return a module with such an output, or keep the class to modes = ('eval',)"
        )
        raise TypeError(msg)
    return torch.stack([each.to(means[0].dtype) for each in means]).sum()


def gradients(
    run: torch.nn.Module, state: Mapping[str, torch.Tensor], inputs: Tensors, sources: Mapping[str, str | int]
) -> Gradients:
    """One step of ``run`` (flat tensors to flat tensors) on this state: the loss, and its gradients by ``sources``.

    ``sources`` says of each gradient's name what it is taken by: a name in ``state`` or the place of an input. State
    and inputs stay as they are; what the model changes in place is copied first.
    """
    by_state = {each for each in sources.values() if isinstance(each, str)}
    own = {name: _leaf(each) if name in by_state else each.detach().clone() for name, each in state.items()}
    given = [_leaf(each) if place in sources.values() else each for place, each in enumerate(inputs)]
    with torch.enable_grad():
        outputs = functional_call(run, own, tuple(each.clone() for each in given))
        loss = mean_loss(outputs)
        wanted = [own[each] if isinstance(each, str) else given[each] for each in sources.values()]
        if not loss.requires_grad:
            return Gradients(loss.detach(), dict.fromkeys(sources))
        found = torch.autograd.grad(loss, wanted, allow_unused=True)
    return Gradients(loss.detach(), dict(zip(sources, found, strict=True)))


def _leaf(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.detach().requires_grad_()


def sources_of(flat: FlatModule, arguments: Arguments) -> dict[str, str | int]:
    """What gradients are taken by: floating inputs, ``grad.input.<name>``, and trainable parameters, ``grad.<name>``.

    Tied parameters are one, under the name that comes first.
    """
    named = zip(arguments.names, arguments.tensors, strict=True)
    by_input = {f"grad.input.{name}": place for place, (name, each) in enumerate(named) if each.is_floating_point()}
    by_parameter = {
        f"grad.{name}": f"model.{name}" for name, each in flat.model.named_parameters() if each.requires_grad
    }
    return {**by_input, **by_parameter}


def state_of(flat: FlatModule) -> dict[str, torch.Tensor]:
    """Parameters and buffers by their names in the flat module, tied ones once."""
    return {**dict(flat.named_parameters()), **dict(flat.named_buffers())}


def noise_floors(
    flat: FlatModule, inputs: Tensors, sources: Mapping[str, str | int], found: Gradients
) -> dict[str, float]:
    """Of each output that is nothing but noise, the magnitude up to which it stands for zero.

    Empty where the model cannot be run in 64-bit floats.
    """
    state = {name: _wide(each) for name, each in state_of(flat).items()}
    try:
        wide = gradients(flat, state, [_wide(each) for each in inputs], sources)
    except (RuntimeError, TypeError, ValueError):  # the model insists on the types that it was made in
        return {}
    exact, rounded = wide.named, found.named
    if exact.keys() != rounded.keys():
        return {}
    largest = max((_magnitude(each) for name, each in rounded.items() if name != "loss"), default=0.0)
    floors = {}
    for name, value in rounded.items():
        wanted, had = _magnitude(exact[name]), _magnitude(value)
        limit = _LEEWAY * torch.finfo(value.dtype).eps * largest
        off = _magnitude(value.to(torch.float64) - exact[name].to(torch.float64))
        if off >= _OFF * wanted and (wanted <= _NOTHING * had or had <= limit):
            floors[name] = max(_LEEWAY * max(off, had), limit)
    return floors


def _wide(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.detach().to(torch.float64) if tensor.is_floating_point() else tensor


def _magnitude(tensor: torch.Tensor) -> float:
    return float(tensor.abs().max()) if tensor.numel() else 0.0

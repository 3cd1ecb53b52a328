"""A PyTorch module as its class initialises it turned into one whose outputs depend on every weight and on the input.

Libraries start with tiny weights, zero biases, unit norms and untouched statistics: outputs are then nearly constant,
and a wrong module passes.
"""

from __future__ import annotations

import math
from typing import TypeVar

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase  # the only common base

Module = TypeVar("Module", bound=nn.Module)

#: How far biases, norms and statistics are moved from where their class put them.
_NUDGE = 0.1
_EMBEDDING = 0.5
_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


@torch.no_grad()
def spread(model: Module, sample: torch.Tensor | None = None) -> Module:
    """Draw the weights anew from PyTorch's seeded generator; returns the same module.

    Matrices keep the variance of what they are given (convolutions that of a ReLU's output), vectors and the statistics
    of batch normalisations are moved a little from their defaults. With a `sample` of inputs the statistics are those
    of that batch: deep networks need this, or their signal vanishes or explodes on its way.
    """
    seen: set[int] = set()  # tied weights are drawn once
    for module in model.modules():
        for name, value in module.named_parameters(recurse=False):
            if id(value) not in seen and value.is_floating_point():
                seen.add(id(value))
                _draw(module, name, value)
    norms = [module for module in model.modules() if isinstance(module, _NormBase)]
    for norm in norms:
        if norm.running_mean is not None and norm.running_var is not None:
            norm.running_mean.normal_(0.0, _NUDGE)
            norm.running_var.uniform_(0.5, 1.5)
        if norm.affine:  # some classes set these weights near 0
            norm.weight.normal_(1.0, _NUDGE)
    if sample is not None:
        _measure(model, norms, sample)
    return model


def _draw(module: nn.Module, name: str, value: torch.Tensor) -> None:
    if value.ndim < 2:  # noqa: PLR2004 - vectors and scalars
        if name.endswith(("weight", "bias")):
            value.add_(torch.randn_like(value), alpha=_NUDGE)
    elif isinstance(module, nn.Embedding):
        value.normal_(0.0, _EMBEDDING)
        if module.padding_idx is not None:
            value[module.padding_idx] = 0
    elif isinstance(module, _CONVOLUTIONS):
        value.normal_(0.0, math.sqrt(2 * value.shape[0] / value.numel()))
    elif isinstance(module, _TRANSPOSED):
        value.normal_(0.0, math.sqrt(2 * value.shape[1] / value.numel()))
    else:
        value.normal_(0.0, 1 / math.sqrt(value.shape[-1]))


def _measure(model: nn.Module, norms: list[_NormBase], sample: torch.Tensor) -> None:
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the average over all calls: here, of one
    mode = model.training
    model.train()
    model(sample)
    model.train(mode)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum

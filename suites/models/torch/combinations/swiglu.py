"""SwiGLU: a gate and a value from one input, multiplied and brought back."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from suites import ModelTester
from suites.models.weights import spread


class SwiGlu(nn.Module):
    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.gate = nn.Linear(width, inner, bias=False)
        self.up = nn.Linear(width, inner, bias=False)
        self.down = nn.Linear(inner, width, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = self.down(functional.silu(self.gate(x)) * self.up(x))
        return made


class SwigluTester(ModelTester):
    tags = ("combination",)

    def load_model(self) -> torch.nn.Module:
        return spread(SwiGlu(24, 48))

    def load_inputs(self) -> torch.Tensor:
        return torch.randn(2, 6, 24)

"""Margins: of a constant, mirrored, repeated, and from the other side."""

from __future__ import annotations

import torch
from torch.nn import functional

from suites import ModelTester


class Pad(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        sizes = (1, 2, 2, 1)
        modes = ("reflect", "replicate", "circular")
        return functional.pad(x, sizes, value=0.5), *(functional.pad(x, sizes, mode=mode) for mode in modes)


class PadTester(ModelTester):
    tags = ("operator",)

    def load_model(self) -> torch.nn.Module:
        return Pad()

    def load_inputs(self) -> torch.Tensor:
        return torch.randn(1, 2, 5, 6)

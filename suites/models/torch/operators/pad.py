"""Margins: of a constant, mirrored, repeated, from the other side, and negative ones, which cut off."""

from __future__ import annotations

import torch
from torch.nn import functional

from suites import ModelTester


class Pad(torch.nn.Module):
    def __init__(self, mode: str, sizes: tuple[int, ...]) -> None:
        super().__init__()
        self.mode, self.sizes = mode, sizes

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.pad(x, self.sizes, mode=self.mode)


class PadTester(ModelTester):
    variants = {
        "constant": {"mode": "constant", "sizes": (1, 2, 2, 1)},
        "reflect": {"mode": "reflect", "sizes": (1, 2, 2, 1)},
        "replicate": {"mode": "replicate", "sizes": (1, 2, 2, 1)},
        "circular": {"mode": "circular", "sizes": (1, 2, 2, 1)},
        "negative": {"mode": "constant", "sizes": (0, 0, 1, -1)},
    }
    tags = ("operator",)

    def load_model(self) -> torch.nn.Module:
        return Pad(**self.parameters)

    def load_inputs(self) -> torch.Tensor:
        return torch.randn(1, 2, 5, 6)

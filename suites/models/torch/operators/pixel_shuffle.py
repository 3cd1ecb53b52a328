"""Channels turned into pixels, and back."""

from __future__ import annotations

import torch
from torch.nn import functional

from suites import ModelTester


class Shuffle(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return functional.pixel_shuffle(x, 2), functional.pixel_unshuffle(x, 2)


class PixelShuffleTester(ModelTester):
    tags = ("operator",)

    def load_model(self) -> torch.nn.Module:
        return Shuffle()

    def load_inputs(self) -> torch.Tensor:
        return torch.randn(1, 8, 6, 6)

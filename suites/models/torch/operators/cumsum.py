"""Sums, products and maxima up to each element."""

from __future__ import annotations

import torch

from suites import ModelTester


class Cumulate(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return torch.cumsum(x, 1), torch.cumprod(x, 0), torch.cummax(x, 1).values


class CumsumTester(ModelTester):
    tags = ("operator",)

    def load_model(self) -> torch.nn.Module:
        return Cumulate()

    def load_inputs(self) -> torch.Tensor:
        return torch.randn(4, 12)

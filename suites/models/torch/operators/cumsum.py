"""Sums, products and maxima up to each element."""

from __future__ import annotations

import torch

from suites import ModelTester


class Cumulate(torch.nn.Module):
    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.kind == "maximum":
            return torch.cummax(x, 1).values
        return torch.cumsum(x, 1) if self.kind == "sum" else torch.cumprod(x, 1)


class CumsumTester(ModelTester):
    variants = {"sum": {}, "product": {}, "maximum": {}}
    tags = ("operator",)

    def load_model(self) -> torch.nn.Module:
        return Cumulate(self.variant)

    def load_inputs(self) -> torch.Tensor:
        return torch.randn(4, 12)

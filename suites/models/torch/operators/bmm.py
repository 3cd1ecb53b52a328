"""Matrix products of a batch, alone and added to a matrix each."""

from __future__ import annotations

import torch

from suites import ModelTester


class Product(torch.nn.Module):
    def forward(
        self, added: torch.Tensor, left: torch.Tensor, right: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.bmm(left, right), torch.baddbmm(added, left, right, beta=0.5, alpha=2.0)


class BmmTester(ModelTester):
    tags = ("operator",)

    def load_model(self) -> torch.nn.Module:
        return Product()

    def load_inputs(self) -> tuple[torch.Tensor, ...]:
        return torch.randn(3, 5, 6), torch.randn(3, 5, 8), torch.randn(3, 8, 6)

"""Matrix products: of matrices, of a matrix and a vector, of broadcast batches."""

from __future__ import annotations

import torch

from suites import ModelTester


class Product(torch.nn.Module):
    def forward(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        return torch.matmul(left, right)


class MatmulTester(ModelTester):
    variants = {
        "matrices": {"left": (5, 8), "right": (8, 6)},
        "vector": {"left": (5, 8), "right": (8,)},
        "broadcast": {"left": (3, 1, 5, 8), "right": (2, 8, 6)},
    }
    tags = ("operator",)

    def load_model(self) -> torch.nn.Module:
        return Product()

    def load_inputs(self) -> tuple[torch.Tensor, ...]:
        return torch.randn(*self.parameters["left"]), torch.randn(*self.parameters["right"])

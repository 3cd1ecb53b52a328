"""Einstein sums: scores of attention heads, outer products, traces."""

from __future__ import annotations

import torch

from suites import ModelTester


class Einsum(torch.nn.Module):
    def __init__(self, equation: str) -> None:
        super().__init__()
        self.equation = equation

    def forward(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        return torch.einsum(self.equation, left, right)


class EinsumTester(ModelTester):
    variants = {
        "heads": {"equation": "bqhd,bkhd->bhqk", "left": (2, 5, 3, 4), "right": (2, 6, 3, 4)},
        "outer": {"equation": "bi,bj->bij", "left": (2, 5), "right": (2, 6)},
        "trace": {"equation": "bij,bji->b", "left": (4, 5, 6), "right": (4, 6, 5)},
    }
    tags = ("operator",)

    def load_model(self) -> torch.nn.Module:
        return Einsum(self.parameters["equation"])

    def load_inputs(self) -> tuple[torch.Tensor, ...]:
        return torch.randn(*self.parameters["left"]), torch.randn(*self.parameters["right"])

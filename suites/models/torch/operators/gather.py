"""Elements by their number along a dimension, and whole rows."""

from __future__ import annotations

import torch

from suites import ModelTester


class Gather(torch.nn.Module):
    def forward(self, x: torch.Tensor, places: torch.Tensor, rows: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return torch.gather(x, 1, places), torch.index_select(x, 0, rows), x[rows, :, 0]


class GatherTester(ModelTester):
    tags = ("operator",)

    def load_model(self) -> torch.nn.Module:
        return Gather()

    def load_inputs(self) -> tuple[torch.Tensor, ...]:
        return torch.randn(4, 6, 5), torch.randint(0, 6, (4, 3, 5)), torch.tensor([3, 0, 3])

"""Elements put to and added at places; places that are met twice are only added."""

from __future__ import annotations

import torch

from suites import ModelTester


class Scatter(torch.nn.Module):
    def forward(
        self, x: torch.Tensor, places: torch.Tensor, twice: torch.Tensor, rows: torch.Tensor, values: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        return x.scatter(1, places, values), x.scatter_add(1, twice, values), x.index_add(0, rows, x[:2])


class ScatterTester(ModelTester):
    tags = ("operator",)

    def load_model(self) -> torch.nn.Module:
        return Scatter()

    def load_inputs(self) -> tuple[torch.Tensor, ...]:
        places = torch.stack([torch.randperm(6)[:3] for _ in range(4)])
        twice = torch.randint(0, 6, (4, 3))
        return torch.randn(4, 6), places, twice, torch.tensor([2, 0]), torch.randn(4, 3)

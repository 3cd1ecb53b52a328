"""A sort with the places, downwards, and the places alone."""

from __future__ import annotations

import torch

from suites import ModelTester


class Sort(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        values, places = torch.sort(x, dim=-1, descending=True)
        return values, places, torch.argsort(x, dim=0)


class SortTester(ModelTester):
    tags = ("operator",)

    def load_model(self) -> torch.nn.Module:
        return Sort()

    def load_inputs(self) -> torch.Tensor:
        return torch.randn(5, 12)

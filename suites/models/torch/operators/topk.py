"""The largest elements with their places, and the smallest."""

from __future__ import annotations

import torch

from suites import ModelTester


class TopK(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        largest, places = torch.topk(x, 4, dim=-1)
        smallest, _ = torch.topk(x, 3, dim=1, largest=False)
        return largest, places, smallest


class TopkTester(ModelTester):
    tags = ("operator",)

    def load_model(self) -> torch.nn.Module:
        return TopK()

    def load_inputs(self) -> torch.Tensor:
        return torch.randn(3, 8, 10)

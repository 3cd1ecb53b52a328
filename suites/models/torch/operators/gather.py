"""Elements by their number along a dimension, whole rows, and rows by a tensor among slices."""

from __future__ import annotations

import torch

from suites import ModelTester


class Gather(torch.nn.Module):
    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, x: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        if self.kind == "elements":
            return torch.gather(x, 1, places)
        return torch.index_select(x, 0, places) if self.kind == "rows" else x[places, :, 0]


class GatherTester(ModelTester):
    variants = {"elements": {"places": (4, 3, 5)}, "rows": {"places": (3,)}, "indexed": {"places": (2, 3)}}
    tags = ("operator",)

    def load_model(self) -> torch.nn.Module:
        return Gather(self.variant)

    def load_inputs(self) -> tuple[torch.Tensor, ...]:
        return torch.randn(4, 6, 5), torch.randint(0, 4, self.parameters["places"])

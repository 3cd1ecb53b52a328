"""A GRU: states of every step and the last one; one layer, and two in both directions."""

from __future__ import annotations

import torch

from suites import ModelTester
from suites.models.weights import spread


class GruTester(ModelTester):
    variants = {"forward": {}, "bidirectional": {"num_layers": 2, "bidirectional": True}}
    tags = ("operator",)

    def load_model(self) -> torch.nn.Module:
        return spread(torch.nn.GRU(8, 12, batch_first=True, **self.parameters))

    def load_inputs(self) -> torch.Tensor:
        return torch.randn(2, 7, 8)

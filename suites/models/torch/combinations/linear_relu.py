"""A linear layer and a ReLU."""

from __future__ import annotations

import torch
from torch import nn

from suites import ModelTester
from suites.models.weights import spread


class LinearReluTester(ModelTester):
    tags = ("combination",)

    def load_model(self) -> torch.nn.Module:
        return spread(nn.Sequential(nn.Linear(16, 24), nn.ReLU()))

    def load_inputs(self) -> torch.Tensor:
        return torch.randn(4, 16)

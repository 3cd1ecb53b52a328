"""Two convolutions that are added to their input."""

from __future__ import annotations

import torch
from torch import nn

from suites import ModelTester
from suites.models.weights import spread


class Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU())
        self.second = nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x + self.second(self.first(x)))


class ResidualTester(ModelTester):
    tags = ("combination",)

    def load_model(self) -> torch.nn.Module:
        return spread(Residual(8))

    def load_inputs(self) -> torch.Tensor:
        return torch.randn(1, 8, 12, 12)

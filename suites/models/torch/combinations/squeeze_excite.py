"""Squeeze and excitation: channels weighted by what their means say."""

from __future__ import annotations

import torch
from torch import nn

from suites import ModelTester
from suites.models.weights import spread


class SqueezeExcite(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.weigh = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(width, width // 4, 1), nn.SiLU(), nn.Conv2d(width // 4, width, 1)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.sigmoid(self.weigh(x))


class SqueezeExciteTester(ModelTester):
    tags = ("combination",)

    def load_model(self) -> torch.nn.Module:
        return spread(SqueezeExcite(16))

    def load_inputs(self) -> torch.Tensor:
        return torch.randn(1, 16, 4, 4)

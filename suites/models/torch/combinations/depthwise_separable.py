"""A filter for each channel, then a mixture of channels."""

from __future__ import annotations

import torch
from torch import nn

from suites import ModelTester
from suites.models.weights import spread


class DepthwiseSeparableTester(ModelTester):
    tags = ("combination",)

    def load_model(self) -> torch.nn.Module:
        return spread(
            nn.Sequential(
                nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=8, bias=False),
                nn.BatchNorm2d(8),
                nn.ReLU6(),
                nn.Conv2d(8, 16, 1, bias=False),
                nn.BatchNorm2d(16),
                nn.Hardswish(),
            )
        )

    def load_inputs(self) -> torch.Tensor:
        return torch.randn(1, 8, 16, 16)

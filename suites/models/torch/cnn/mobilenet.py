"""A network of inverted bottlenecks, with and without residuals, after MobileNet."""

from __future__ import annotations

import torch
from torch import nn

from suites import ModelTester
from suites.models.weights import spread


class Bottleneck(nn.Module):
    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        inner = 4 * before
        self.adds = stride == 1 and before == after
        self.body = nn.Sequential(
            nn.Conv2d(before, inner, 1, bias=False),
            nn.BatchNorm2d(inner),
            nn.ReLU6(),
            nn.Conv2d(inner, inner, 3, stride, padding=1, groups=inner, bias=False),
            nn.BatchNorm2d(inner),
            nn.ReLU6(),
            nn.Conv2d(inner, after, 1, bias=False),
            nn.BatchNorm2d(after),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = self.body(x)
        return x + made if self.adds else made


class MobilenetTester(ModelTester):
    tags = ("network", "vision")

    def load_model(self) -> torch.nn.Module:
        blocks = [Bottleneck(8, 8, 1), Bottleneck(8, 16, 2), Bottleneck(16, 16, 1), Bottleneck(16, 24, 2)]
        stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU6())
        head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(24, 10))
        return spread(nn.Sequential(stem, *blocks, head))

    def load_inputs(self) -> torch.Tensor:
        return torch.randn(1, 3, 32, 32)

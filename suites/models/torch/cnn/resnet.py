"""A residual network of basic blocks, after ResNet for small pictures."""

from __future__ import annotations

import torch
from torch import nn

from suites import ModelTester
from suites.models.weights import spread


class Block(nn.Module):
    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(before, after, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(),
            nn.Conv2d(after, after, 3, padding=1, bias=False),
            nn.BatchNorm2d(after),
        )
        same = stride == 1 and before == after
        self.shortcut = nn.Identity() if same else nn.Conv2d(before, after, 1, stride, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.body(x) + self.shortcut(x))


class ResnetTester(ModelTester):
    variants = {"shallow": {"blocks": 1}, "deep": {"blocks": 3}}
    tags = ("network", "vision")

    def load_model(self) -> torch.nn.Module:
        blocks = []
        before = 8
        for after, stride in ((8, 1), (16, 2), (32, 2)):
            for number in range(self.parameters["blocks"]):
                blocks.append(Block(before, after, stride if number == 0 else 1))
                before = after
        stem = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU())
        head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10))
        return spread(nn.Sequential(stem, *blocks, head), torch.randn(8, 3, 32, 32))

    def load_inputs(self) -> torch.Tensor:
        return torch.randn(1, 3, 32, 32)

"""A U-Net: halved and doubled maps, joined at each size."""

from __future__ import annotations

import itertools

import torch
from torch import nn
from torch.nn import functional

from suites import ModelTester
from suites.models.weights import spread


class Convolutions(nn.Sequential):
    def __init__(self, before: int, after: int) -> None:
        first, second = (nn.Conv2d(width, after, 3, padding=1) for width in (before, after))
        super().__init__(first, nn.BatchNorm2d(after), nn.ReLU(), second)


class UNet(nn.Module):
    def __init__(self, *widths: int) -> None:
        super().__init__()
        pairs = list(itertools.pairwise(widths))
        self.first = Convolutions(1, widths[0])
        self.down = nn.ModuleList(Convolutions(small, large) for small, large in pairs)
        self.up = nn.ModuleList(nn.ConvTranspose2d(large, small, 2, stride=2) for small, large in reversed(pairs))
        self.joined = nn.ModuleList(Convolutions(2 * small, small) for small, _ in reversed(pairs))
        self.last = nn.Conv2d(widths[0], 2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        value, kept = self.first(x), []
        for down in self.down:
            kept.append(value)
            value = down(functional.max_pool2d(value, 2))
        for up, joined in zip(self.up, self.joined, strict=True):
            value = joined(torch.cat((kept.pop(), up(value)), dim=1))
        made: torch.Tensor = self.last(value)
        return made


class UNetTester(ModelTester):
    tags = ("network", "vision", "segmentation")

    def load_model(self) -> torch.nn.Module:
        return spread(UNet(8, 16, 24))

    def load_inputs(self) -> torch.Tensor:
        return torch.randn(1, 1, 32, 32)

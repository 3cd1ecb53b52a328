"""A small classifier of pictures, with batch normalisation; also trained."""

from __future__ import annotations

import torch
from torch import nn

from suites import ModelTester
from suites.models.weights import spread


class LenetTester(ModelTester):
    modes = ("eval", "train")
    tags = ("network", "vision")

    def load_model(self) -> torch.nn.Module:
        layers: list[nn.Module] = []
        for before, after in ((1, 8), (8, 16)):
            layers += [nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU(), nn.MaxPool2d(2)]
        return spread(nn.Sequential(*layers, nn.Flatten(), nn.Linear(16 * 7 * 7, 32), nn.ReLU(), nn.Linear(32, 10)))

    def load_inputs(self) -> torch.Tensor:
        return torch.randn(2, 1, 28, 28)

"""A convolution, a batch normalisation and a ReLU, as compilers fuse them."""

from __future__ import annotations

import torch
from torch import nn

from suites import ModelTester
from suites.models.weights import spread


class ConvBnReluTester(ModelTester):
    tags = ("combination",)

    def load_model(self) -> torch.nn.Module:
        return spread(nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU()))

    def load_inputs(self) -> torch.Tensor:
        return torch.randn(2, 3, 16, 16)

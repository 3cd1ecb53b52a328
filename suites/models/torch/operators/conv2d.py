"""A convolution over pictures; with strides, with groups, and one filter a channel."""

from __future__ import annotations

import torch

from suites import ModelTester
from suites.models.weights import spread


class Conv2dTester(ModelTester):
    variants = {"plain": {}, "strided": {"stride": 2}, "grouped": {"groups": 2}, "depthwise": {"groups": 8}}
    tags = ("operator",)

    def load_model(self) -> torch.nn.Module:
        return spread(torch.nn.Conv2d(8, 16, 3, padding=1, **self.parameters))

    def load_inputs(self) -> torch.Tensor:
        return torch.randn(2, 8, 12, 12)

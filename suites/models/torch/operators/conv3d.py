"""A convolution over volumes."""

from __future__ import annotations

import torch

from suites import ModelTester
from suites.models.weights import spread


class Conv3dTester(ModelTester):
    tags = ("operator",)

    def load_model(self) -> torch.nn.Module:
        return spread(torch.nn.Conv3d(4, 8, 3, padding=1))

    def load_inputs(self) -> torch.Tensor:
        return torch.randn(1, 4, 6, 6, 6)

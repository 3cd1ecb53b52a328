"""A perceptron of three layers, also trained."""

from __future__ import annotations

import torch
from torch import nn

from suites import ModelTester
from suites.models.weights import spread


class MlpTester(ModelTester):
    modes = ("eval", "train")
    tags = ("combination",)

    def load_model(self) -> torch.nn.Module:
        return spread(nn.Sequential(nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 8)))

    def load_inputs(self) -> torch.Tensor:
        return torch.randn(4, 16)

"""A convolution over time; dilated, and with groups."""

from __future__ import annotations

import torch

from suites import ModelTester
from suites.models.weights import spread


class Conv1dTester(ModelTester):
    variants = {"plain": {}, "dilated": {"dilation": 2, "padding": 2}, "grouped": {"groups": 4}}
    tags = ("operator",)

    def load_model(self) -> torch.nn.Module:
        return spread(torch.nn.Conv1d(8, 12, 3, **self.parameters))

    def load_inputs(self) -> torch.Tensor:
        return torch.randn(2, 8, 20)

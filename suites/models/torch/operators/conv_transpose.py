"""A transposed convolution, which enlarges; the second with groups and output padding."""

from __future__ import annotations

import torch

from suites import ModelTester
from suites.models.weights import spread


class ConvTransposeTester(ModelTester):
    variants = {"plain": {}, "grouped": {"groups": 2, "padding": 1, "output_padding": 1}}
    tags = ("operator",)

    def load_model(self) -> torch.nn.Module:
        return spread(torch.nn.ConvTranspose2d(8, 4, 3, stride=2, **self.parameters))

    def load_inputs(self) -> torch.Tensor:
        return torch.randn(1, 8, 7, 7)

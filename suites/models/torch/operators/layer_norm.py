"""Layer normalisation over the last dimension, and over the last two."""

from __future__ import annotations

import torch

from suites import ModelTester
from suites.models.weights import spread


class LayerNormTester(ModelTester):
    variants = {"last": {"shape": (16,)}, "two": {"shape": (6, 16)}}
    tags = ("operator",)

    def load_model(self) -> torch.nn.Module:
        return spread(torch.nn.LayerNorm(self.parameters["shape"]))

    def load_inputs(self) -> torch.Tensor:
        return 3 * torch.randn(2, 6, 16) + 1

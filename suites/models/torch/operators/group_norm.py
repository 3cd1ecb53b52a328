"""Group normalisation; with a group for each channel it is instance normalisation."""

from __future__ import annotations

import torch

from suites import ModelTester
from suites.models.weights import spread


class GroupNormTester(ModelTester):
    variants = {"groups": {"groups": 4}, "instance": {"groups": 8}}
    tags = ("operator",)

    def load_model(self) -> torch.nn.Module:
        return spread(torch.nn.GroupNorm(self.parameters["groups"], 8))

    def load_inputs(self) -> torch.Tensor:
        return 3 * torch.randn(2, 8, 5, 5) + 1

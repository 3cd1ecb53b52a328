"""Batch normalisation with the statistics of training."""

from __future__ import annotations

import torch

from suites import ModelTester
from suites.models.weights import spread


class BatchNormTester(ModelTester):
    tags = ("operator",)

    def load_model(self) -> torch.nn.Module:
        return spread(torch.nn.BatchNorm2d(8))

    def load_inputs(self) -> torch.Tensor:
        return 3 * torch.randn(2, 8, 6, 6) + 1

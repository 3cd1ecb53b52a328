"""A matrix and a bias; over two and over three dimensions."""

from __future__ import annotations

import torch

from suites import ModelTester
from suites.models.weights import spread


class LinearTester(ModelTester):
    variants = {"matrix": {"shape": (4, 24)}, "batch": {"shape": (2, 5, 24)}}
    tags = ("operator",)

    def load_model(self) -> torch.nn.Module:
        return spread(torch.nn.Linear(24, 12))

    def load_inputs(self) -> torch.Tensor:
        return torch.randn(*self.parameters["shape"])

"""GELU by the error function, and by tanh."""

from __future__ import annotations

import torch

from suites import ModelTester


class GeluTester(ModelTester):
    variants = {"erf": {"approximate": "none"}, "tanh": {"approximate": "tanh"}}
    tags = ("operator",)

    def load_model(self) -> torch.nn.Module:
        return torch.nn.GELU(approximate=self.parameters["approximate"])

    def load_inputs(self) -> torch.Tensor:
        return 3 * torch.randn(4, 50)

"""Softmax and its logarithm, along the last dimension and along another."""

from __future__ import annotations

import torch

from suites import ModelTester


class SoftmaxTester(ModelTester):
    variants = {"last": {"log": False, "dim": -1}, "middle": {"log": False, "dim": 1}, "log": {"log": True, "dim": -1}}
    tags = ("operator",)

    def load_model(self) -> torch.nn.Module:
        kind = torch.nn.LogSoftmax if self.parameters["log"] else torch.nn.Softmax
        return kind(dim=self.parameters["dim"])

    def load_inputs(self) -> torch.Tensor:
        return 3 * torch.randn(3, 5, 10)

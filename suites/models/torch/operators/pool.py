"""The largest, the mean, and means and maxima of a fixed number of windows."""

from __future__ import annotations

import torch
from torch.nn import functional

from suites import ModelTester


class Pool(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (
            functional.max_pool2d(x, 3, stride=2, padding=1),
            functional.avg_pool2d(x, 2, count_include_pad=False),
            functional.adaptive_avg_pool2d(x, 3),
            functional.adaptive_max_pool2d(x, 4),
        )


class PoolTester(ModelTester):
    tags = ("operator",)

    def load_model(self) -> torch.nn.Module:
        return Pool()

    def load_inputs(self) -> torch.Tensor:
        return torch.randn(1, 4, 12, 12)

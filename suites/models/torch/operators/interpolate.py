"""Pictures enlarged by the nearest pixel, linearly and by cubics."""

from __future__ import annotations

import torch

from suites import ModelTester


class InterpolateTester(ModelTester):
    variants = {
        "nearest": {"mode": "nearest"},
        "bilinear": {"mode": "bilinear"},
        "corners": {"mode": "bilinear", "align_corners": True},
        "bicubic": {"mode": "bicubic"},
    }
    tags = ("operator",)

    def load_model(self) -> torch.nn.Module:
        return torch.nn.Upsample(scale_factor=2.0, **self.parameters)

    def load_inputs(self) -> torch.Tensor:
        return torch.randn(1, 3, 8, 8)

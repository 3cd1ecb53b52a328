"""EfficientNet: inverted bottlenecks that squeeze and excite."""

from __future__ import annotations

import torch
from transformers import EfficientNetConfig, EfficientNetForImageClassification

from suites import ModelTester
from suites.models.weights import spread


class EfficientNetTester(ModelTester):
    variants = {
        "tiny": {
            "width_coefficient": 0.25,
            "depth_coefficient": 0.5,
            "hidden_dim": 320,
            "image_size": 64,
            "num_labels": 10,
        }
    }
    tags = ("transformers", "vision")

    def load_model(self) -> torch.nn.Module:
        return spread(
            EfficientNetForImageClassification(EfficientNetConfig(**self.parameters)),
            torch.randn(8, 3, 1, 1) + torch.randn(8, 3, 64, 64),
        )

    def load_inputs(self) -> dict[str, torch.Tensor]:
        return {"pixel_values": torch.randn(1, 3, 1, 1) + torch.randn(1, 3, 64, 64)}  # noise alone is pooled away

"""Swin: attention in windows that shift from layer to layer."""

from __future__ import annotations

import torch
from transformers import SwinConfig, SwinForImageClassification

from suites import ModelTester
from suites.models.weights import spread


class SwinTester(ModelTester):
    variants = {
        "tiny": {
            "image_size": 32,
            "patch_size": 2,
            "embed_dim": 16,
            "depths": [2, 2],
            "num_heads": [2, 4],
            "window_size": 4,
            "num_labels": 10,
        }
    }
    tags = ("transformers", "vision")

    def load_model(self) -> torch.nn.Module:
        return spread(SwinForImageClassification(SwinConfig(**self.parameters)))

    def load_inputs(self) -> dict[str, torch.Tensor]:
        return {"pixel_values": torch.randn(1, 3, 32, 32)}

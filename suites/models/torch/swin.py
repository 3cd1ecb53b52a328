"""Swin: attention in windows that shift from layer to layer."""

from __future__ import annotations

from typing import Any

import torch
from transformers import SwinConfig, SwinForImageClassification

from suites import ModelTester
from suites.models.weights import spread


class SwinTester(ModelTester):
    # The ONNX exporter cannot take apart the default attention (sdpa) of this model.
    variants = {"tiny": {}, "eager": {"attn_implementation": "eager"}}
    tags = ("transformers", "vision")

    def load_model(self) -> torch.nn.Module:
        settings: dict[str, Any] = {
            "image_size": 32,
            "patch_size": 2,
            "embed_dim": 16,
            "depths": [2, 2],
            "num_heads": [2, 4],
            "window_size": 4,
            "num_labels": 10,
        }
        return spread(SwinForImageClassification(SwinConfig(**settings, **self.parameters)))

    def load_inputs(self) -> dict[str, torch.Tensor]:
        return {"pixel_values": torch.randn(1, 3, 32, 32)}

"""DINOv2: a backbone whose positions are interpolated to the picture's size."""

from __future__ import annotations

import torch
from transformers import Dinov2Config, Dinov2Model

from suites import ModelTester
from suites.models.weights import spread


class Dinov2Tester(ModelTester):
    variants = {
        "tiny": {
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "mlp_ratio": 2,
            "image_size": 32,
            "patch_size": 8,
            "layerscale_value": 0.5,
        }
    }
    tags = ("transformers", "vision")

    def load_model(self) -> torch.nn.Module:
        return spread(Dinov2Model(Dinov2Config(**self.parameters)))

    def load_inputs(self) -> dict[str, torch.Tensor]:
        return {"pixel_values": torch.randn(1, 3, 48, 48)}

"""BEiT: a vision transformer with relative position biases and layer scales."""

from __future__ import annotations

import torch
from transformers import BeitConfig, BeitForImageClassification

from suites import ModelTester
from suites.models.weights import spread


class BeitTester(ModelTester):
    variants = {
        "tiny": {
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "intermediate_size": 64,
            "image_size": 32,
            "patch_size": 8,
            "num_labels": 10,
            "use_relative_position_bias": True,
            "layer_scale_init_value": 0.5,
            "out_indices": [1, 2],
        }
    }
    tags = ("transformers", "vision")

    def load_model(self) -> torch.nn.Module:
        return spread(BeitForImageClassification(BeitConfig(**self.parameters)))

    def load_inputs(self) -> dict[str, torch.Tensor]:
        return {"pixel_values": torch.randn(1, 3, 32, 32)}

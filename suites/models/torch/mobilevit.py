"""MobileViT: convolutions, and a transformer over unfolded patches."""

from __future__ import annotations

import torch
from transformers import MobileViTConfig, MobileViTForImageClassification

from suites import ModelTester
from suites.models.weights import spread


class MobileVitTester(ModelTester):
    variants = {
        "tiny": {
            "image_size": 64,
            "hidden_sizes": [16, 24, 32],
            "neck_hidden_sizes": [8, 8, 16, 16, 24, 32, 64],
            "num_attention_heads": 2,
            "expand_ratio": 2.0,
            "num_labels": 10,
        }
    }
    tags = ("transformers", "vision")

    def load_model(self) -> torch.nn.Module:
        return spread(
            MobileViTForImageClassification(MobileViTConfig(**self.parameters)),
            torch.randn(8, 3, 1, 1) + torch.randn(8, 3, 64, 64),
        )

    def load_inputs(self) -> dict[str, torch.Tensor]:
        return {"pixel_values": torch.randn(1, 3, 1, 1) + torch.randn(1, 3, 64, 64)}  # noise alone is pooled away

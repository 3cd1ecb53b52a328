"""LeViT: attention with batch norms and shrinking maps."""

from __future__ import annotations

import torch
from transformers import LevitConfig, LevitForImageClassification

from suites import ModelTester
from suites.models.weights import spread


class LevitTester(ModelTester):
    variants = {
        "tiny": {
            "image_size": 64,
            "patch_size": 16,
            "hidden_sizes": [16, 32, 48],
            "num_attention_heads": [2, 2, 4],
            "depths": [1, 1, 1],
            "key_dim": [8, 8, 8],
            "num_labels": 10,
        }
    }
    tags = ("transformers", "vision")

    def load_model(self) -> torch.nn.Module:
        return spread(LevitForImageClassification(LevitConfig(**self.parameters)))

    def load_inputs(self) -> dict[str, torch.Tensor]:
        return {"pixel_values": torch.randn(1, 3, 64, 64)}

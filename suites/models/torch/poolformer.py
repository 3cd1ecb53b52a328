"""PoolFormer: pooling in place of attention."""

from __future__ import annotations

import torch
from transformers import PoolFormerConfig, PoolFormerForImageClassification

from suites import ModelTester
from suites.models.weights import spread


class PoolFormerTester(ModelTester):
    variants = {
        "tiny": {
            "hidden_sizes": [16, 32, 48, 64],
            "depths": [1, 1, 2, 1],
            "layer_scale_init_value": 0.5,
            "num_labels": 10,
        }
    }
    tags = ("transformers", "vision")

    def load_model(self) -> torch.nn.Module:
        return spread(PoolFormerForImageClassification(PoolFormerConfig(**self.parameters)))

    def load_inputs(self) -> dict[str, torch.Tensor]:
        return {"pixel_values": torch.randn(1, 3, 64, 64)}

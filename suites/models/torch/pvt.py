"""PVT: a pyramid of transformers with shortened keys and values."""

from __future__ import annotations

import torch
from transformers import PvtConfig, PvtForImageClassification

from suites import ModelTester
from suites.models.weights import spread


class PvtTester(ModelTester):
    variants = {
        "tiny": {
            "image_size": 64,
            "hidden_sizes": [8, 16, 32, 48],
            "depths": [1, 1, 1, 1],
            "num_attention_heads": [1, 2, 2, 4],
            "mlp_ratios": [2, 2, 2, 2],
            "num_labels": 10,
        }
    }
    tags = ("transformers", "vision")

    def load_model(self) -> torch.nn.Module:
        return spread(PvtForImageClassification(PvtConfig(**self.parameters)))

    def load_inputs(self) -> dict[str, torch.Tensor]:
        return {"pixel_values": torch.randn(1, 3, 64, 64)}

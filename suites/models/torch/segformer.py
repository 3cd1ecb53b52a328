"""SegFormer: a class for each pixel from a pyramid of transformers."""

from __future__ import annotations

import torch
from transformers import SegformerConfig, SegformerForSemanticSegmentation

from suites import ModelTester
from suites.models.weights import spread


class SegformerTester(ModelTester):
    variants = {
        "tiny": {
            "hidden_sizes": [8, 16, 32, 48],
            "depths": [1, 1, 1, 1],
            "num_attention_heads": [1, 2, 2, 4],
            "sr_ratios": [4, 2, 1, 1],
            "mlp_ratios": [2, 2, 2, 2],
            "decoder_hidden_size": 32,
            "num_labels": 5,
        }
    }
    tags = ("transformers", "vision", "segmentation")

    def load_model(self) -> torch.nn.Module:
        return spread(SegformerForSemanticSegmentation(SegformerConfig(**self.parameters)))

    def load_inputs(self) -> dict[str, torch.Tensor]:
        return {"pixel_values": torch.randn(1, 3, 64, 64)}

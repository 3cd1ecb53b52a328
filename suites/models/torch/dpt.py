"""DPT: depth from a transformer's layers, fused from coarse to fine."""

from __future__ import annotations

import torch
from transformers import DPTConfig, DPTForDepthEstimation

from suites import ModelTester
from suites.models.weights import spread


class DptTester(ModelTester):
    variants = {
        "tiny": {
            "hidden_size": 32,
            "num_hidden_layers": 4,
            "num_attention_heads": 4,
            "intermediate_size": 64,
            "image_size": 32,
            "patch_size": 8,
            "backbone_out_indices": [0, 1, 2, 3],
            "neck_hidden_sizes": [16, 16, 32, 32],
            "fusion_hidden_size": 16,
            "reassemble_factors": [4, 2, 1, 0.5],
        }
    }
    tags = ("transformers", "vision", "depth")

    def load_model(self) -> torch.nn.Module:
        return spread(DPTForDepthEstimation(DPTConfig(**self.parameters)))

    def load_inputs(self) -> dict[str, torch.Tensor]:
        return {"pixel_values": torch.randn(1, 3, 32, 32)}

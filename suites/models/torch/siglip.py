"""SigLIP: texts and pictures, each pair judged by itself; the picture is pooled by attention."""

from __future__ import annotations

import torch
from transformers import SiglipConfig, SiglipModel

from suites import ModelTester
from suites.models.weights import spread


class SiglipTester(ModelTester):
    variants = {
        "tiny": {
            "text_config": {
                "vocab_size": 128,
                "hidden_size": 32,
                "intermediate_size": 64,
                "num_hidden_layers": 2,
                "num_attention_heads": 4,
                "max_position_embeddings": 32,
                "pad_token_id": 0,
                "bos_token_id": 1,
                "eos_token_id": 2,
                "projection_size": 32,
            },
            "vision_config": {
                "hidden_size": 32,
                "intermediate_size": 64,
                "num_hidden_layers": 2,
                "num_attention_heads": 4,
                "image_size": 32,
                "patch_size": 8,
            },
        }
    }
    tags = ("transformers", "multimodal")

    def load_model(self) -> torch.nn.Module:
        return spread(SiglipModel(SiglipConfig(**self.parameters)))

    def load_inputs(self) -> dict[str, torch.Tensor]:
        return {
            "input_ids": torch.randint(3, 120, (2, 16)),
            "pixel_values": torch.randn(2, 3, 32, 32),
        }

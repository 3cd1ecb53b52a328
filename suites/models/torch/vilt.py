"""ViLT: one encoder for words and patches, which are given as vectors: of a picture it would draw them at random."""

from __future__ import annotations

import torch
from transformers import ViltConfig, ViltModel

from suites import ModelTester
from suites.models.weights import spread


class ViltTester(ModelTester):
    variants = {
        "tiny": {
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "intermediate_size": 64,
            "image_size": 32,
            "patch_size": 8,
            "vocab_size": 128,
            "max_position_embeddings": 32,
            "max_image_length": 16,
        }
    }
    tags = ("transformers", "multimodal")

    def load_model(self) -> torch.nn.Module:
        return spread(ViltModel(ViltConfig(**self.parameters)))

    def load_inputs(self) -> dict[str, torch.Tensor]:
        return {
            "input_ids": torch.randint(3, 120, (1, 16)),
            "image_embeds": torch.randn(1, 16, 32),
            "pixel_mask": torch.ones(1, 4, 4, dtype=torch.int64),
        }

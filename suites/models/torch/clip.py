"""CLIP: how well texts and pictures fit."""

from __future__ import annotations

import torch
from transformers import CLIPConfig, CLIPModel

from suites import ModelTester
from suites.models.weights import spread


class ClipTester(ModelTester):
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
            },
            "vision_config": {
                "hidden_size": 32,
                "intermediate_size": 64,
                "num_hidden_layers": 2,
                "num_attention_heads": 4,
                "image_size": 32,
                "patch_size": 8,
            },
            "projection_dim": 16,
        }
    }
    tags = ("transformers", "multimodal")

    def load_model(self) -> torch.nn.Module:
        return spread(CLIPModel(CLIPConfig(**self.parameters)))

    def load_inputs(self) -> dict[str, torch.Tensor]:
        ids = torch.randint(3, 120, (2, 16))
        ids[:, -1] = 2  # the end, whose place holds the text's embedding
        return {
            "input_ids": ids,
            "pixel_values": torch.randn(2, 3, 32, 32),
            "attention_mask": torch.ones(2, 16, dtype=torch.int64),
        }

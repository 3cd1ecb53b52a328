"""ModernBERT: rotary positions, gated feed-forward, global and sliding attention in turn."""

from __future__ import annotations

import torch
from transformers import ModernBertConfig, ModernBertModel

from suites import ModelTester
from suites.models.weights import spread


class ModernBertTester(ModelTester):
    variants = {
        "tiny": {
            "vocab_size": 128,
            "hidden_size": 32,
            "num_hidden_layers": 4,
            "num_attention_heads": 4,
            "intermediate_size": 64,
            "max_position_embeddings": 32,
            "local_attention": 8,
            "global_attn_every_n_layers": 3,
            "pad_token_id": 0,
            "bos_token_id": 1,
            "eos_token_id": 2,
            "cls_token_id": 1,
            "sep_token_id": 2,
        }
    }
    tags = ("transformers", "text", "encoder")

    def load_model(self) -> torch.nn.Module:
        return spread(ModernBertModel(ModernBertConfig(**self.parameters)))

    def load_inputs(self) -> dict[str, torch.Tensor]:
        mask = torch.ones(2, 16, dtype=torch.int64)
        mask[1, 12:] = 0
        return {"input_ids": torch.randint(3, 120, (2, 16)), "attention_mask": mask}

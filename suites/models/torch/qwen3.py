"""Qwen3: norms of queries and keys in each head."""

from __future__ import annotations

import torch
from transformers import Qwen3Config, Qwen3ForCausalLM

from suites import ModelTester
from suites.models.weights import spread


class Qwen3Tester(ModelTester):
    variants = {
        "tiny": {
            "vocab_size": 128,
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "intermediate_size": 64,
            "num_key_value_heads": 2,
            "max_position_embeddings": 64,
            "use_cache": False,
            "head_dim": 16,
            "pad_token_id": 0,
            "bos_token_id": 1,
            "eos_token_id": 2,
        }
    }
    tags = ("transformers", "text", "decoder")

    def load_model(self) -> torch.nn.Module:
        return spread(Qwen3ForCausalLM(Qwen3Config(**self.parameters)))

    def load_inputs(self) -> dict[str, torch.Tensor]:
        return {"input_ids": torch.randint(3, 120, (2, 16))}

"""Qwen2: biases on queries, keys and values; tiny, and of the size of Qwen2 0.5B."""

from __future__ import annotations

import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

from suites import ModelTester
from suites.models.weights import spread


class Qwen2Tester(ModelTester):
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
            "pad_token_id": 0,
            "bos_token_id": 1,
            "eos_token_id": 2,
        },
        "500m": {
            "vocab_size": 151936,
            "hidden_size": 896,
            "num_hidden_layers": 24,
            "num_attention_heads": 14,
            "num_key_value_heads": 2,
            "intermediate_size": 4864,
            "tie_word_embeddings": True,
            "use_cache": False,
        },
    }
    tags = ("transformers", "text", "decoder")

    def load_model(self) -> torch.nn.Module:
        return spread(Qwen2ForCausalLM(Qwen2Config(**self.parameters)))

    def load_inputs(self) -> dict[str, torch.Tensor]:
        return {"input_ids": torch.randint(3, 120, (2, 16))}

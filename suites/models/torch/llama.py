"""Llama: tiny, and of the size of SmolLM 135M."""

from __future__ import annotations

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from suites import ModelTester
from suites.models.weights import spread


class LlamaTester(ModelTester):
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
        "135m": {
            "vocab_size": 49152,
            "hidden_size": 576,
            "num_hidden_layers": 30,
            "num_attention_heads": 9,
            "num_key_value_heads": 3,
            "intermediate_size": 1536,
            "max_position_embeddings": 2048,
            "tie_word_embeddings": True,
            "use_cache": False,
        },
    }
    tags = ("transformers", "text", "decoder")

    def load_model(self) -> torch.nn.Module:
        return spread(LlamaForCausalLM(LlamaConfig(**self.parameters)))

    def load_inputs(self) -> dict[str, torch.Tensor]:
        return {"input_ids": torch.randint(3, 120, (2, 16))}

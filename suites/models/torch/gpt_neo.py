"""GPT-Neo: global and local attention in turn, unscaled scores."""

from __future__ import annotations

import torch
from transformers import GPTNeoConfig, GPTNeoForCausalLM

from suites import ModelTester
from suites.models.weights import spread


class GptNeoTester(ModelTester):
    variants = {
        "tiny": {
            "vocab_size": 128,
            "hidden_size": 32,
            "num_layers": 2,
            "attention_types": [[["global", "local"], 1]],
            "num_heads": 4,
            "intermediate_size": 64,
            "max_position_embeddings": 64,
            "window_size": 8,
            "use_cache": False,
            "bos_token_id": 1,
            "eos_token_id": 2,
        }
    }
    tags = ("transformers", "text", "decoder")

    def load_model(self) -> torch.nn.Module:
        return spread(GPTNeoForCausalLM(GPTNeoConfig(**self.parameters)))

    def load_inputs(self) -> dict[str, torch.Tensor]:
        return {"input_ids": torch.randint(3, 120, (2, 16))}

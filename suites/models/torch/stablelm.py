"""StableLM: layer norms and partly rotary positions."""

from __future__ import annotations

import torch
from transformers import StableLmConfig, StableLmForCausalLM

from suites import ModelTester
from suites.models.weights import spread


class StableLmTester(ModelTester):
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
            "partial_rotary_factor": 0.5,
            "pad_token_id": 0,
            "bos_token_id": 1,
            "eos_token_id": 2,
        }
    }
    tags = ("transformers", "text", "decoder")

    def load_model(self) -> torch.nn.Module:
        return spread(StableLmForCausalLM(StableLmConfig(**self.parameters)))

    def load_inputs(self) -> dict[str, torch.Tensor]:
        return {"input_ids": torch.randint(3, 120, (2, 16))}

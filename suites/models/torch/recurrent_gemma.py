"""RecurrentGemma: two linear recurrences to one local attention."""

from __future__ import annotations

import torch
from transformers import RecurrentGemmaConfig, RecurrentGemmaForCausalLM

from suites import ModelTester
from suites.models.weights import spread


class RecurrentGemmaTester(ModelTester):
    variants = {
        "tiny": {
            "vocab_size": 128,
            "hidden_size": 32,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "num_key_value_heads": 1,
            "intermediate_size": 64,
            "lru_width": 32,
            "attention_window_size": 8,
            "use_cache": False,
            "pad_token_id": 0,
            "bos_token_id": 1,
            "eos_token_id": 2,
        }
    }
    tags = ("transformers", "text", "state-space")

    def load_model(self) -> torch.nn.Module:
        return spread(RecurrentGemmaForCausalLM(RecurrentGemmaConfig(**self.parameters)))

    def load_inputs(self) -> dict[str, torch.Tensor]:
        return {"input_ids": torch.randint(3, 120, (2, 16))}

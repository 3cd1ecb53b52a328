"""RWKV: a linear attention with decay in time, token by token."""

from __future__ import annotations

import torch
from transformers import RwkvConfig, RwkvForCausalLM

from suites import ModelTester
from suites.models.weights import spread


class RwkvTester(ModelTester):
    variants = {
        "tiny": {
            "vocab_size": 128,
            "context_length": 32,
            "hidden_size": 32,
            "attention_hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "use_cache": False,
            "bos_token_id": 1,
            "eos_token_id": 2,
        }
    }
    tags = ("transformers", "text", "state-space")

    def load_model(self) -> torch.nn.Module:
        return spread(RwkvForCausalLM(RwkvConfig(**self.parameters)))

    def load_inputs(self) -> dict[str, torch.Tensor]:
        return {"input_ids": torch.randint(3, 120, (2, 16))}

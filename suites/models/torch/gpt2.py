"""GPT-2."""

from __future__ import annotations

import torch
from transformers import GPT2Config, GPT2LMHeadModel

from suites import ModelTester
from suites.models.weights import spread


class Gpt2Tester(ModelTester):
    variants = {
        "tiny": {
            "vocab_size": 128,
            "n_embd": 32,
            "n_layer": 2,
            "n_head": 4,
            "n_positions": 64,
            "use_cache": False,
            "bos_token_id": 1,
            "eos_token_id": 2,
        }
    }
    tags = ("transformers", "text", "decoder")

    def load_model(self) -> torch.nn.Module:
        return spread(GPT2LMHeadModel(GPT2Config(**self.parameters)))

    def load_inputs(self) -> dict[str, torch.Tensor]:
        return {"input_ids": torch.randint(3, 120, (2, 16))}

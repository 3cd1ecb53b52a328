"""BLOOM: biases that grow with distance (ALiBi), and a norm after the embedding."""

from __future__ import annotations

import torch
from transformers import BloomConfig, BloomForCausalLM

from suites import ModelTester
from suites.models.weights import spread


class BloomTester(ModelTester):
    variants = {
        "tiny": {
            "vocab_size": 128,
            "hidden_size": 32,
            "n_layer": 2,
            "n_head": 4,
            "use_cache": False,
            "pad_token_id": 0,
            "bos_token_id": 1,
            "eos_token_id": 2,
        }
    }
    tags = ("transformers", "text", "decoder")

    def load_model(self) -> torch.nn.Module:
        return spread(BloomForCausalLM(BloomConfig(**self.parameters)))

    def load_inputs(self) -> dict[str, torch.Tensor]:
        return {"input_ids": torch.randint(3, 120, (2, 16))}

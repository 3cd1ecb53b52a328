"""Mamba 2: state spaces in heads, computed chunk by chunk."""

from __future__ import annotations

import torch
from transformers import Mamba2Config, Mamba2ForCausalLM

from suites import ModelTester
from suites.models.weights import spread


class Mamba2Tester(ModelTester):
    variants = {
        "tiny": {
            "vocab_size": 128,
            "hidden_size": 32,
            "state_size": 8,
            "num_hidden_layers": 2,
            "num_heads": 8,
            "head_dim": 8,
            "n_groups": 2,
            "expand": 2,
            "conv_kernel": 4,
            "chunk_size": 8,
            "use_cache": False,
            "pad_token_id": 0,
            "bos_token_id": 1,
            "eos_token_id": 2,
        }
    }
    tags = ("transformers", "text", "state-space")

    def load_model(self) -> torch.nn.Module:
        return spread(Mamba2ForCausalLM(Mamba2Config(**self.parameters)))

    def load_inputs(self) -> dict[str, torch.Tensor]:
        return {"input_ids": torch.randint(3, 120, (2, 16))}

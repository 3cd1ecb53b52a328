"""Mamba: a selective state space, scanned token by token."""

from __future__ import annotations

import torch
from transformers import MambaConfig, MambaForCausalLM

from suites import ModelTester
from suites.models.weights import spread


class MambaTester(ModelTester):
    variants = {
        "tiny": {
            "vocab_size": 128,
            "hidden_size": 32,
            "state_size": 8,
            "num_hidden_layers": 2,
            "conv_kernel": 4,
            "expand": 2,
            "time_step_rank": 4,
            "use_cache": False,
            "pad_token_id": 0,
            "bos_token_id": 1,
            "eos_token_id": 2,
        }
    }
    tags = ("transformers", "text", "state-space")

    def load_model(self) -> torch.nn.Module:
        return spread(MambaForCausalLM(MambaConfig(**self.parameters)))

    def load_inputs(self) -> dict[str, torch.Tensor]:
        return {"input_ids": torch.randint(3, 120, (2, 16))}

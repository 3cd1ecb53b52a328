"""CodeGen: attention and feed-forward side by side, rotary positions on a part of each head."""

from __future__ import annotations

import torch
from transformers import CodeGenConfig, CodeGenForCausalLM

from suites import ModelTester
from suites.models.weights import spread


class CodeGenTester(ModelTester):
    variants = {
        "tiny": {
            "vocab_size": 128,
            "n_embd": 32,
            "n_layer": 2,
            "n_head": 4,
            "n_positions": 64,
            "n_ctx": 64,
            "rotary_dim": 4,
            "n_inner": 64,
            "use_cache": False,
            "pad_token_id": 0,
            "bos_token_id": 1,
            "eos_token_id": 2,
        }
    }
    tags = ("transformers", "text", "decoder")

    def load_model(self) -> torch.nn.Module:
        return spread(CodeGenForCausalLM(CodeGenConfig(**self.parameters)))

    def load_inputs(self) -> dict[str, torch.Tensor]:
        return {"input_ids": torch.randint(3, 120, (2, 16))}

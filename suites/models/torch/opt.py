"""OPT: learned positions and ReLU."""

from __future__ import annotations

import torch
from transformers import OPTConfig, OPTForCausalLM

from suites import ModelTester
from suites.models.weights import spread


class OptTester(ModelTester):
    variants = {
        "tiny": {
            "vocab_size": 128,
            "hidden_size": 32,
            "word_embed_proj_dim": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "ffn_dim": 64,
            "max_position_embeddings": 64,
            "use_cache": False,
            "pad_token_id": 1,
            "bos_token_id": 2,
            "eos_token_id": 2,
        }
    }
    tags = ("transformers", "text", "decoder")

    def load_model(self) -> torch.nn.Module:
        return spread(OPTForCausalLM(OPTConfig(**self.parameters)))

    def load_inputs(self) -> dict[str, torch.Tensor]:
        return {"input_ids": torch.randint(3, 120, (2, 16))}

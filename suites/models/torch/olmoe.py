"""OLMoE: many small experts, norms of queries and keys."""

from __future__ import annotations

from typing import Any

import torch
from transformers import OlmoeConfig, OlmoeForCausalLM

from suites import ModelTester
from suites.models.weights import spread


class OlmoeTester(ModelTester):
    # Experts as the library runs them (sorted tokens, matrices of uneven size), and each token with its own matrices.
    variants = {"tiny": {}, "batched": {"experts_implementation": "batched_mm"}}
    tags = ("transformers", "text", "decoder", "moe")

    def load_model(self) -> torch.nn.Module:
        settings: dict[str, Any] = {
            "vocab_size": 128,
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "intermediate_size": 64,
            "num_key_value_heads": 2,
            "max_position_embeddings": 64,
            "use_cache": False,
            "num_experts": 8,
            "num_experts_per_tok": 4,
            "pad_token_id": 0,
            "bos_token_id": 1,
            "eos_token_id": 2,
        }
        return spread(OlmoeForCausalLM(OlmoeConfig(**settings, **self.parameters)))

    def load_inputs(self) -> dict[str, torch.Tensor]:
        return {"input_ids": torch.randint(3, 120, (2, 16))}

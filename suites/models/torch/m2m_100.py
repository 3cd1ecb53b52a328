"""M2M-100: sinusoidal positions that pass over padding."""

from __future__ import annotations

import torch
from transformers import M2M100Config, M2M100ForConditionalGeneration

from suites import ModelTester
from suites.models.weights import spread


class M2m100Tester(ModelTester):
    variants = {
        "tiny": {
            "vocab_size": 128,
            "d_model": 32,
            "encoder_layers": 2,
            "decoder_layers": 2,
            "encoder_attention_heads": 4,
            "decoder_attention_heads": 4,
            "encoder_ffn_dim": 64,
            "decoder_ffn_dim": 64,
            "max_position_embeddings": 32,
            "use_cache": False,
            "pad_token_id": 0,
            "bos_token_id": 1,
            "eos_token_id": 2,
            "decoder_start_token_id": 2,
        }
    }
    tags = ("transformers", "text", "seq2seq")

    def load_model(self) -> torch.nn.Module:
        return spread(M2M100ForConditionalGeneration(M2M100Config(**self.parameters)))

    def load_inputs(self) -> dict[str, torch.Tensor]:
        return {
            "input_ids": torch.randint(3, 120, (2, 16)),
            "decoder_input_ids": torch.randint(3, 120, (2, 8)),
        }

"""Marian: sinusoidal positions, norms after each block, and a bias on the logits."""

from __future__ import annotations

import torch
from transformers import MarianConfig, MarianMTModel

from suites import ModelTester
from suites.models.weights import spread


class MarianTester(ModelTester):
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
            "decoder_vocab_size": 128,
            "forced_eos_token_id": 2,
        }
    }
    tags = ("transformers", "text", "seq2seq")

    def load_model(self) -> torch.nn.Module:
        return spread(MarianMTModel(MarianConfig(**self.parameters)))

    def load_inputs(self) -> dict[str, torch.Tensor]:
        return {
            "input_ids": torch.randint(3, 120, (2, 16)),
            "decoder_input_ids": torch.randint(3, 120, (2, 8)),
        }

"""Whisper: an encoder of spectrograms and a decoder of text."""

from __future__ import annotations

import torch
from transformers import WhisperConfig, WhisperForConditionalGeneration

from suites import ModelTester
from suites.models.weights import spread


class WhisperTester(ModelTester):
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
            "max_source_positions": 50,
            "max_target_positions": 32,
            "num_mel_bins": 16,
            "use_cache": False,
            "pad_token_id": 0,
            "bos_token_id": 1,
            "eos_token_id": 2,
            "decoder_start_token_id": 1,
            "suppress_tokens": None,
            "begin_suppress_tokens": None,
        }
    }
    tags = ("transformers", "audio", "seq2seq")

    def load_model(self) -> torch.nn.Module:
        return spread(WhisperForConditionalGeneration(WhisperConfig(**self.parameters)))

    def load_inputs(self) -> dict[str, torch.Tensor]:
        return {
            "input_features": torch.randn(1, 16, 100),
            "decoder_input_ids": torch.randint(3, 120, (1, 8)),
        }

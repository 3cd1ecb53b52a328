"""T5: relative position buckets shared by all layers, norms without mean."""

from __future__ import annotations

import torch
from transformers import T5Config, T5ForConditionalGeneration

from suites import ModelTester
from suites.models.weights import spread


class T5Tester(ModelTester):
    variants = {
        "tiny": {
            "vocab_size": 128,
            "d_model": 32,
            "d_kv": 8,
            "d_ff": 64,
            "num_layers": 2,
            "num_decoder_layers": 2,
            "num_heads": 4,
            "use_cache": False,
            "pad_token_id": 0,
            "eos_token_id": 1,
            "decoder_start_token_id": 0,
        }
    }
    tags = ("transformers", "text", "seq2seq")

    def load_model(self) -> torch.nn.Module:
        return spread(T5ForConditionalGeneration(T5Config(**self.parameters)))

    def load_inputs(self) -> dict[str, torch.Tensor]:
        return {
            "input_ids": torch.randint(3, 120, (2, 16)),
            "decoder_input_ids": torch.randint(3, 120, (2, 8)),
        }

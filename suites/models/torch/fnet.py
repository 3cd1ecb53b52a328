"""FNet: Fourier transforms in place of attention."""

from __future__ import annotations

import torch
from transformers import FNetConfig, FNetModel

from suites import ModelTester
from suites.models.weights import spread


class FNetTester(ModelTester):
    variants = {
        "tiny": {
            "vocab_size": 128,
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "intermediate_size": 64,
            "max_position_embeddings": 32,
            "pad_token_id": 0,
        }
    }
    tags = ("transformers", "text", "encoder")

    def load_model(self) -> torch.nn.Module:
        return spread(FNetModel(FNetConfig(**self.parameters)))

    def load_inputs(self) -> dict[str, torch.Tensor]:
        return {"input_ids": torch.randint(3, 120, (2, 16))}

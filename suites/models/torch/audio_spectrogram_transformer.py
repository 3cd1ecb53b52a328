"""AST: a vision transformer over overlapping patches of a spectrogram."""

from __future__ import annotations

import torch
from transformers import ASTConfig, ASTForAudioClassification

from suites import ModelTester
from suites.models.weights import spread


class AudioSpectrogramTransformerTester(ModelTester):
    variants = {
        "tiny": {
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "intermediate_size": 64,
            "patch_size": 8,
            "frequency_stride": 6,
            "time_stride": 6,
            "max_length": 64,
            "num_mel_bins": 32,
            "num_labels": 10,
        }
    }
    tags = ("transformers", "audio")

    def load_model(self) -> torch.nn.Module:
        return spread(ASTForAudioClassification(ASTConfig(**self.parameters)))

    def load_inputs(self) -> dict[str, torch.Tensor]:
        return {"input_values": torch.randn(1, 64, 32)}

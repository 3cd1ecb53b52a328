"""PatchTST: forecasts of several series from patches of their past."""

from __future__ import annotations

import torch
from transformers import PatchTSTConfig, PatchTSTForPrediction

from suites import ModelTester
from suites.models.weights import spread


class PatchTstTester(ModelTester):
    variants = {
        "tiny": {
            "num_input_channels": 3,
            "context_length": 32,
            "patch_length": 8,
            "patch_stride": 8,
            "prediction_length": 8,
            "d_model": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "ffn_dim": 64,
            "loss": "mse",
        }
    }
    tags = ("transformers", "time-series")

    def load_model(self) -> torch.nn.Module:
        return spread(PatchTSTForPrediction(PatchTSTConfig(**self.parameters)))

    def load_inputs(self) -> dict[str, torch.Tensor]:
        return {"past_values": torch.randn(2, 32, 3)}

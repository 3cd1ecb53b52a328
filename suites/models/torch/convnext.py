"""ConvNeXt: wide depthwise convolutions, layer norms, layer scales."""

from __future__ import annotations

import torch
from transformers import ConvNextConfig, ConvNextForImageClassification

from suites import ModelTester
from suites.models.weights import spread


class ConvNextTester(ModelTester):
    variants = {
        "tiny": {
            "hidden_sizes": [16, 32, 48, 64],
            "depths": [1, 1, 2, 1],
            "num_labels": 10,
            "layer_scale_init_value": 0.5,
        }
    }
    tags = ("transformers", "vision")

    def load_model(self) -> torch.nn.Module:
        return spread(ConvNextForImageClassification(ConvNextConfig(**self.parameters)))

    def load_inputs(self) -> dict[str, torch.Tensor]:
        return {"pixel_values": torch.randn(1, 3, 64, 64)}

"""RegNet: grouped convolutions, without (x) and with (y) squeeze and excitation."""

from __future__ import annotations

import torch
from transformers import RegNetConfig, RegNetForImageClassification

from suites import ModelTester
from suites.models.weights import spread


class RegNetTester(ModelTester):
    variants = {
        "x": {
            "layer_type": "x",
            "embedding_size": 16,
            "hidden_sizes": [16, 32, 48, 64],
            "depths": [1, 1, 2, 1],
            "groups_width": 8,
            "num_labels": 10,
        },
        "y": {
            "layer_type": "y",
            "embedding_size": 16,
            "hidden_sizes": [16, 32, 48, 64],
            "depths": [1, 1, 2, 1],
            "groups_width": 8,
            "num_labels": 10,
        },
    }
    tags = ("transformers", "vision")

    def load_model(self) -> torch.nn.Module:
        return spread(RegNetForImageClassification(RegNetConfig(**self.parameters)))

    def load_inputs(self) -> dict[str, torch.Tensor]:
        return {"pixel_values": torch.randn(1, 3, 64, 64)}

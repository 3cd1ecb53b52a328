"""ResNet: with two convolutions a block, with three, and ResNet-50 at its real size."""

from __future__ import annotations

import torch
from transformers import ResNetConfig, ResNetForImageClassification

from suites import ModelTester
from suites.models.weights import spread


class ResNetTester(ModelTester):
    variants = {
        "basic": {
            "image_size": 64,
            "layer_type": "basic",
            "embedding_size": 16,
            "hidden_sizes": [16, 32, 48, 64],
            "depths": [2, 2, 2, 2],
            "num_labels": 10,
        },
        "bottleneck": {
            "image_size": 64,
            "layer_type": "bottleneck",
            "embedding_size": 16,
            "hidden_sizes": [32, 48, 64, 96],
            "depths": [1, 1, 2, 1],
            "num_labels": 10,
        },
        "r50": {"image_size": 224, "num_labels": 1000},
    }
    tags = ("transformers", "vision")

    def load_model(self) -> torch.nn.Module:
        settings = dict(self.parameters)
        size = settings.pop("image_size")
        return spread(ResNetForImageClassification(ResNetConfig(**settings)), torch.randn(4, 3, size, size))

    def load_inputs(self) -> dict[str, torch.Tensor]:
        size = self.parameters["image_size"]
        return {"pixel_values": torch.randn(1, 3, size, size)}

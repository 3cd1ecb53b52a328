"""ConvNeXt V2: responses of the channels normalised globally."""

from __future__ import annotations

import torch
from transformers import ConvNextV2Config, ConvNextV2ForImageClassification

from suites import ModelTester
from suites.models.weights import spread


class ConvNextV2Tester(ModelTester):
    variants = {"tiny": {"hidden_sizes": [16, 32, 48, 64], "depths": [1, 1, 2, 1], "num_labels": 10}}
    tags = ("transformers", "vision")

    def load_model(self) -> torch.nn.Module:
        return spread(ConvNextV2ForImageClassification(ConvNextV2Config(**self.parameters)))

    def load_inputs(self) -> dict[str, torch.Tensor]:
        return {"pixel_values": torch.randn(1, 3, 64, 64)}

"""MobileNet V2 with a quarter of the channels."""

from __future__ import annotations

import torch
from transformers import MobileNetV2Config, MobileNetV2ForImageClassification

from suites import ModelTester
from suites.models.weights import spread


class MobileNetV2Tester(ModelTester):
    variants = {"tiny": {"image_size": 64, "depth_multiplier": 0.25, "num_labels": 10}}
    tags = ("transformers", "vision")

    def load_model(self) -> torch.nn.Module:
        return spread(MobileNetV2ForImageClassification(MobileNetV2Config(**self.parameters)))

    def load_inputs(self) -> dict[str, torch.Tensor]:
        return {"pixel_values": torch.randn(1, 3, 64, 64)}

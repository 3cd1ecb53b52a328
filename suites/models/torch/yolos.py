"""YOLOS: boxes from tokens that a vision transformer carries along."""

from __future__ import annotations

import torch
from transformers import YolosConfig, YolosForObjectDetection

from suites import ModelTester
from suites.models.weights import spread


class YolosTester(ModelTester):
    variants = {
        "tiny": {
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "intermediate_size": 64,
            "image_size": [32, 48],
            "patch_size": 8,
            "num_detection_tokens": 8,
            "num_labels": 5,
        }
    }
    tags = ("transformers", "vision", "detection")

    def load_model(self) -> torch.nn.Module:
        return spread(YolosForObjectDetection(YolosConfig(**self.parameters)))

    def load_inputs(self) -> dict[str, torch.Tensor]:
        return {"pixel_values": torch.randn(1, 3, 32, 48)}

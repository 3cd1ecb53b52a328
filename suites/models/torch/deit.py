"""DeiT: a vision transformer with a second, distilling head."""

from __future__ import annotations

import torch
from transformers import DeiTConfig, DeiTForImageClassificationWithTeacher

from suites import ModelTester
from suites.models.weights import spread


class DeitTester(ModelTester):
    variants = {
        "tiny": {
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "intermediate_size": 64,
            "image_size": 32,
            "patch_size": 8,
            "num_labels": 10,
        }
    }
    tags = ("transformers", "vision")

    def load_model(self) -> torch.nn.Module:
        return spread(DeiTForImageClassificationWithTeacher(DeiTConfig(**self.parameters)))

    def load_inputs(self) -> dict[str, torch.Tensor]:
        return {"pixel_values": torch.randn(1, 3, 32, 32)}

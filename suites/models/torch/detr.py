"""DETR: a set of boxes from a ResNet, an encoder and a decoder of queries."""

from __future__ import annotations

import torch
from transformers import DetrConfig, DetrForObjectDetection, ResNetConfig

from suites import ModelTester
from suites.models.weights import spread


class DetrTester(ModelTester):
    variants = {
        "tiny": {
            "d_model": 32,
            "encoder_layers": 2,
            "decoder_layers": 2,
            "encoder_attention_heads": 4,
            "decoder_attention_heads": 4,
            "encoder_ffn_dim": 64,
            "decoder_ffn_dim": 64,
            "num_queries": 10,
            "num_labels": 5,
        }
    }
    tags = ("transformers", "vision", "detection")

    def load_model(self) -> torch.nn.Module:
        sizes = {"embedding_size": 8, "hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 1, 1]}
        backbone = ResNetConfig.from_dict({**sizes, "layer_type": "basic", "out_features": ["stage4"]})
        return spread(DetrForObjectDetection(DetrConfig(backbone_config=backbone, **self.parameters)))

    def load_inputs(self) -> dict[str, torch.Tensor]:
        return {"pixel_values": torch.randn(1, 3, 64, 64)}

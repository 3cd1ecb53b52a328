"""PyTorch's own transformer encoder, two layers; its fast path and its plain one, with padding."""

from __future__ import annotations

import torch
from torch import nn

from suites import ModelTester
from suites.models.weights import spread


class EncoderLayerTester(ModelTester):
    variants = {"post": {}, "pre": {"norm_first": True}}
    tags = ("combination",)

    def load_model(self) -> torch.nn.Module:
        layer = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0, batch_first=True, **self.parameters)
        return spread(nn.TransformerEncoder(layer, 2, enable_nested_tensor=False))

    def load_inputs(self) -> dict[str, torch.Tensor]:
        padding = torch.zeros(2, 10, dtype=torch.bool)
        padding[1, 7:] = True
        return {"src": torch.randn(2, 10, 32), "src_key_padding_mask": padding}

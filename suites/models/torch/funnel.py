"""Funnel transformer: blocks that halve the sequence, and a decoder that restores it."""

from __future__ import annotations

import torch
from transformers import FunnelConfig, FunnelModel

from suites import ModelTester
from suites.models.weights import spread


class FunnelTester(ModelTester):
    variants = {
        "tiny": {
            "vocab_size": 128,
            "d_model": 32,
            "block_sizes": [1, 2],
            "num_decoder_layers": 1,
            "n_head": 4,
            "d_head": 8,
            "d_inner": 64,
        }
    }
    tags = ("transformers", "text", "encoder")

    def load_model(self) -> torch.nn.Module:
        return spread(FunnelModel(FunnelConfig(**self.parameters)))

    def load_inputs(self) -> dict[str, torch.Tensor]:
        mask = torch.ones(2, 16, dtype=torch.int64)
        mask[1, 12:] = 0
        return {"input_ids": torch.randint(3, 120, (2, 16)), "attention_mask": mask}

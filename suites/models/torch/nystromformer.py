"""Nystromformer: attention through landmarks and an iterated pseudo-inverse."""

from __future__ import annotations

import torch
from transformers import NystromformerConfig, NystromformerModel

from suites import ModelTester
from suites.models.weights import spread


class NystromformerTester(ModelTester):
    variants = {
        "tiny": {
            "vocab_size": 128,
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "intermediate_size": 64,
            "max_position_embeddings": 32,
            "num_landmarks": 4,
            "segment_means_seq_len": 16,
            "conv_kernel_size": 5,
        }
    }
    tags = ("transformers", "text", "encoder")

    def load_model(self) -> torch.nn.Module:
        return spread(NystromformerModel(NystromformerConfig(**self.parameters)))

    def load_inputs(self) -> dict[str, torch.Tensor]:
        mask = torch.zeros(2, 1, 1, 16)  # as the scores take it: one of 0 and 1 would be made too large for landmarks
        mask[1, :, :, 12:] = -1e4
        return {"input_ids": torch.randint(3, 120, (2, 16)), "attention_mask": mask}

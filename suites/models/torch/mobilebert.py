"""MobileBERT: bottlenecks with several feed-forward networks a layer."""

from __future__ import annotations

import torch
from transformers import MobileBertConfig, MobileBertModel

from suites import ModelTester
from suites.models.weights import spread


class MobileBertTester(ModelTester):
    variants = {
        "tiny": {
            "vocab_size": 128,
            "hidden_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "intermediate_size": 64,
            "embedding_size": 32,
            "intra_bottleneck_size": 32,
            "max_position_embeddings": 32,
        }
    }
    tags = ("transformers", "text", "encoder")

    def load_model(self) -> torch.nn.Module:
        return spread(MobileBertModel(MobileBertConfig(**self.parameters)))

    def load_inputs(self) -> dict[str, torch.Tensor]:
        mask = torch.ones(2, 16, dtype=torch.int64)
        mask[1, 12:] = 0
        return {"input_ids": torch.randint(3, 120, (2, 16)), "attention_mask": mask}

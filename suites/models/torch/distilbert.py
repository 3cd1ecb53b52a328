"""DistilBERT: BERT without token types and pooler."""

from __future__ import annotations

import torch
from transformers import DistilBertConfig, DistilBertModel

from suites import ModelTester
from suites.models.weights import spread


class DistilBertTester(ModelTester):
    variants = {
        "tiny": {
            "vocab_size": 128,
            "dim": 32,
            "n_layers": 2,
            "n_heads": 4,
            "hidden_dim": 64,
            "max_position_embeddings": 32,
        }
    }
    tags = ("transformers", "text", "encoder")

    def load_model(self) -> torch.nn.Module:
        return spread(DistilBertModel(DistilBertConfig(**self.parameters)))

    def load_inputs(self) -> dict[str, torch.Tensor]:
        mask = torch.ones(2, 16, dtype=torch.int64)
        mask[1, 12:] = 0
        return {"input_ids": torch.randint(3, 120, (2, 16)), "attention_mask": mask}

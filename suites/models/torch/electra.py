"""ELECTRA's discriminator: for each token, whether it was replaced."""

from __future__ import annotations

import torch
from transformers import ElectraConfig, ElectraForPreTraining

from suites import ModelTester
from suites.models.weights import spread


class ElectraTester(ModelTester):
    variants = {
        "tiny": {
            "vocab_size": 128,
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "intermediate_size": 64,
            "embedding_size": 16,
            "max_position_embeddings": 32,
        }
    }
    tags = ("transformers", "text", "encoder")

    def load_model(self) -> torch.nn.Module:
        return spread(ElectraForPreTraining(ElectraConfig(**self.parameters)))

    def load_inputs(self) -> dict[str, torch.Tensor]:
        mask = torch.ones(2, 16, dtype=torch.int64)
        mask[1, 12:] = 0
        return {"input_ids": torch.randint(3, 120, (2, 16)), "attention_mask": mask}

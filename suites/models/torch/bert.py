"""BERT: tiny, also trained, and at its real size; two sentences of which one is padded."""

from __future__ import annotations

import torch
from transformers import BertConfig, BertModel

from suites import ModelTester
from suites.models.weights import spread


class BertTester(ModelTester):
    variants = {
        "tiny": {
            "vocab_size": 128,
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "intermediate_size": 64,
            "max_position_embeddings": 32,
            "hidden_dropout_prob": 0.0,
            "attention_probs_dropout_prob": 0.0,
        },
        "base": {},
    }
    tags = ("transformers", "text", "encoder")
    modes = ("eval", "train")

    def load_model(self) -> torch.nn.Module:
        return spread(BertModel(BertConfig(**self.parameters)))

    def load_inputs(self) -> dict[str, torch.Tensor]:
        mask = torch.ones(2, 16, dtype=torch.int64)
        mask[1, 12:] = 0
        return {"input_ids": torch.randint(3, 120, (2, 16)), "attention_mask": mask}

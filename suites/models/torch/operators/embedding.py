"""Rows of a table by number."""

from __future__ import annotations

import torch

from suites import ModelTester
from suites.models.weights import spread


class EmbeddingTester(ModelTester):
    tags = ("operator",)

    def load_model(self) -> torch.nn.Module:
        return spread(torch.nn.Embedding(50, 12))

    def load_inputs(self) -> torch.Tensor:
        return torch.randint(0, 50, (2, 9))

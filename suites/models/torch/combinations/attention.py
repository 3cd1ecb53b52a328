"""A block of attention with several heads: of a sequence to itself, and to another."""

from __future__ import annotations

import torch
from torch import nn

from suites import ModelTester
from suites.models.weights import spread


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.heads = nn.MultiheadAttention(32, 4, batch_first=True)
        self.norm = nn.LayerNorm(32)

    def forward(self, x: torch.Tensor, other: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        seen = x if other is None else other
        mixed, weights = self.heads(x, seen, seen)
        return self.norm(x + mixed), weights


class AttentionTester(ModelTester):
    variants = {"self": {}, "cross": {}}
    tags = ("combination",)

    def load_model(self) -> torch.nn.Module:
        return spread(Attention())

    def load_inputs(self) -> tuple[torch.Tensor, ...]:
        x = torch.randn(2, 10, 32)
        return (x,) if self.variant == "self" else (x, torch.randn(2, 7, 32))

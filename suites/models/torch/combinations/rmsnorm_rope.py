"""A norm without mean, then rotary positions of queries and keys."""

from __future__ import annotations

import torch
from torch import nn

from suites import ModelTester
from suites.models.weights import spread


class NormAndRotate(nn.Module):
    def __init__(self, heads: int, size: int) -> None:
        super().__init__()
        self.heads, self.size = heads, size
        self.norm = nn.RMSNorm(heads * size, eps=1e-6)
        self.project = nn.Linear(heads * size, 2 * heads * size, bias=False)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        both = self.project(self.norm(x)).unflatten(-1, (2 * self.heads, self.size)).transpose(1, 2)
        steps = torch.arange(x.shape[1], dtype=x.dtype)
        angles = torch.outer(steps, 10000 ** (-torch.arange(0, self.size, 2) / self.size)).repeat(1, 2)
        left, right = both.chunk(2, dim=-1)
        turned = both * angles.cos() + torch.cat((-right, left), dim=-1) * angles.sin()
        query, key = turned.chunk(2, dim=1)
        return query, key


class RmsnormRopeTester(ModelTester):
    tags = ("combination",)

    def load_model(self) -> torch.nn.Module:
        return spread(NormAndRotate(4, 8))

    def load_inputs(self) -> torch.Tensor:
        return torch.randn(2, 9, 32)

"""Scaled dot-product attention; causal, and with a mask of booleans."""

from __future__ import annotations

import torch
from torch.nn import functional

from suites import ModelTester


class Attend(torch.nn.Module):
    def forward(
        self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        return functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, is_causal=mask is None)


class SdpaTester(ModelTester):
    variants = {"causal": {}, "masked": {}}
    tags = ("operator",)

    def load_model(self) -> torch.nn.Module:
        return Attend()

    def load_inputs(self) -> tuple[torch.Tensor, ...]:
        query, key, value = (torch.randn(2, 4, 10, 8) for _ in range(3))
        if self.variant == "causal":
            return query, key, value
        mask = torch.rand(2, 1, 10, 10) < 0.6
        mask[..., 0] = True  # every query sees something
        return query, key, value, mask

"""A Llama that writes the likeliest words: the prompt at once, then step by step with a cache of fixed size."""

from __future__ import annotations

from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM, StaticCache

from suites import ModelTester
from suites.models.weights import spread

SYLLABLES = ("ba", "de", "fi", "go", "lu", "ma", "ne", "ri")


class Writer(torch.nn.Module):
    """The whole loop, so that one module holds the prefill and every step."""

    def __init__(self, model: LlamaForCausalLM, steps: int) -> None:
        super().__init__()
        self.model = model
        self.steps = steps

    def forward(self, prompt: torch.Tensor) -> dict[str, torch.Tensor]:
        cache = StaticCache(config=self.model.config, max_cache_len=prompt.shape[1] + self.steps)
        step, words = prompt, []
        for _ in range(self.steps):
            logits = self.model(input_ids=step, past_key_values=cache, use_cache=True).logits[:, -1]
            step = logits.argmax(dim=-1, keepdim=True)
            words.append(step)
        return {"words": torch.cat(words, dim=1), "logits": logits}


class Syllables:
    """Two syllables a word, by its number."""

    def decode(self, ids: Any) -> str:
        return " ".join(SYLLABLES[int(each) // 8 % 8] + SYLLABLES[int(each) % 8] for each in ids)


class GreedyTester(ModelTester):
    tags = ("transformers", "text", "decoder", "generation")

    def load_model(self) -> torch.nn.Module:
        config = LlamaConfig(
            vocab_size=64,
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            intermediate_size=64,
            max_position_embeddings=64,
        )
        return Writer(spread(LlamaForCausalLM(config)), steps=8)

    def load_inputs(self) -> dict[str, torch.Tensor]:
        return {"prompt": torch.randint(3, 64, (1, 6))}

    def load_tokenizer(self) -> Syllables:
        return Syllables()

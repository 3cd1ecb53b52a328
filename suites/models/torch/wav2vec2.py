"""wav2vec 2.0: letters from a raw sound."""

from __future__ import annotations

import torch
from transformers import Wav2Vec2Config, Wav2Vec2ForCTC

from suites import ModelTester
from suites.models.weights import spread


class Wav2Vec2Tester(ModelTester):
    variants = {
        "tiny": {
            "vocab_size": 32,
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "intermediate_size": 64,
            "conv_dim": [32, 32, 32],
            "conv_stride": [5, 2, 2],
            "conv_kernel": [10, 3, 3],
            "num_conv_pos_embeddings": 16,
            "num_conv_pos_embedding_groups": 4,
            "num_feat_extract_layers": 3,
            "pad_token_id": 0,
            "bos_token_id": 1,
            "eos_token_id": 2,
        }
    }
    tags = ("transformers", "audio")

    def load_model(self) -> torch.nn.Module:
        return spread(Wav2Vec2ForCTC(Wav2Vec2Config(**self.parameters)))

    def load_inputs(self) -> dict[str, torch.Tensor]:
        return {"input_values": torch.randn(1, 1600)}

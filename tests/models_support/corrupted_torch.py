"""Ten PyTorch models of the suites with one number of one weight changed in what is compiled, and in nothing else.

`python: tests/models_support/corrupted_torch.py:Corrupted[<name>]` in a manifest runs any of them.
"""

from __future__ import annotations

import copy
import inspect
from importlib import import_module
from typing import Any

import torch

from suites import ModelTester


class Corrupted(ModelTester):
    """Imports a model with one number of the wrong sign; the golden is the unchanged model's."""

    variants = {
        "bert": {"file": "bert", "model": "tiny"},
        "clip": {"file": "clip", "model": "tiny"},
        "gpt2": {"file": "gpt2", "model": "tiny"},
        "llama": {"file": "llama", "model": "tiny"},
        "mamba2": {"file": "mamba2", "model": "tiny"},
        "resnet": {"file": "resnet", "model": "basic"},
        "t5": {"file": "t5", "model": "tiny"},
        "unet": {"file": "cnn.unet", "model": ""},
        "vit": {"file": "vit", "model": "tiny"},
        "whisper": {"file": "whisper", "model": "tiny"},
    }

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        module = import_module(f"suites.models.torch.{self.parameters['file']}")
        own = (each for _, each in inspect.getmembers(module, inspect.isclass) if each.__module__ == module.__name__)
        (tester,) = (each for each in own if issubclass(each, ModelTester))
        self.whole: ModelTester = tester(**{**settings, "variant": self.parameters["model"]})

    def load_model(self) -> Any:
        corrupted = copy.deepcopy(self.whole.prepare(self.mode))
        flip_one_number(corrupted)
        return corrupted

    def load_inputs(self) -> Any:
        return self.whole.load_inputs()

    def forward(self, inputs: Any) -> Any:
        return self.whole.forward(inputs)

    def extract_outputs(self, outputs: Any) -> Any:
        return self.whole.extract_outputs(outputs)

    def postprocess(self, outputs: Any) -> Any:
        return self.whole.postprocess(outputs)


@torch.no_grad()
def flip_one_number(model: torch.nn.Module) -> None:
    """Change the sign of the largest number of the first matrix or convolution, one of thousands.

    Not of an embedding: the changed row might be a word that the inputs do not have.
    """
    for module in model.modules():
        weight = getattr(module, "weight", None)
        if isinstance(weight, torch.nn.Parameter) and weight.ndim > 1 and not isinstance(module, torch.nn.Embedding):
            numbers = weight.view(-1)
            numbers[numbers.abs().argmax()] *= -1
            return
    raise AssertionError("no weight to corrupt")

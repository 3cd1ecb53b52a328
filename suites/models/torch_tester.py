"""A PyTorch model made by code turned into a module in eval or train mode, its inputs, and PyTorch's outputs."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import Any, ClassVar

import torch

from suites.models.base import Tester


class ModelTester(Tester):
    """`load_model` returns a `torch.nn.Module`, `load_inputs` what it is called with; everything else has a default.

    Before each hook PyTorch's generator is seeded too. `extract_outputs` gets what the model returns, the compiled
    outputs in the same nest; `postprocess` gets tensors by name. Names are the keys on the way: `logits`,
    `past_key_values.0.key`.
    """

    required_pcc: ClassVar[float | None] = 0.99
    required_atol: ClassVar[float | None] = 0.01
    required_rtol: ClassVar[float | None] = 0.0
    #: Instead of `required_atol`: that many times the largest magnitude of each golden output.
    relative_atol: ClassVar[float | None] = None
    #: A disabled check is still measured and shown, and needs `issue`, the URL where that is tracked.
    assert_pcc: ClassVar[bool] = True
    assert_atol: ClassVar[bool] = True
    assert_tokens: ClassVar[bool] = True
    issue: ClassVar[str] = ""
    owner: ClassVar[str] = ""

    mode: str = "eval"
    model: torch.nn.Module  # after `prepare`

    def seed_for(self, hook: str) -> None:
        """As the base class, and PyTorch's generator."""
        super().seed_for(hook)
        torch.manual_seed(int(self.rng.bit_generator.seed_seq.generate_state(1)[0]))

    def prepare(self, mode: str = "eval") -> torch.nn.Module:
        """Call `load_model` and set its mode; raises TypeError where it made no module."""
        self.mode = mode
        self.seed_for("load_model")
        made = self.load_model()
        if not isinstance(made, torch.nn.Module):
            msg = f"load_model returned a {type(made).__name__}: return a torch.nn.Module"
            raise TypeError(msg)
        self.model = made.train(mode == "train")
        return self.model

    @abc.abstractmethod
    def load_model(self) -> Any:
        """The `torch.nn.Module`; whether it trains is set afterwards."""

    @abc.abstractmethod
    def load_inputs(self) -> Any:
        """A tensor, a sequence (positional arguments), or a mapping (keyword arguments); leaves may nest.

        Stage `setup`: a PyTorch model is imported with what it is called with.
        """

    def forward(self, inputs: Any) -> Any:
        """The model's own outputs on these inputs, without gradients: any nest of tensors."""
        args, kwargs = arguments(inputs)
        with torch.no_grad():
            return self.model(*args, **kwargs)

    def load_tokenizer(self) -> Any:
        """Something with `decode(ids) -> str`; given, integer outputs are tokens and compared as decoded text."""
        return None


def arguments(inputs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Positional and keyword arguments of what `load_inputs` returned."""
    if isinstance(inputs, Mapping):
        return (), dict(inputs)
    if isinstance(inputs, (tuple, list)):
        return tuple(inputs), {}
    return (inputs,), {}

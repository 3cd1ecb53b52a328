"""Copy this file to suites/models/torch/<folder>/<name>.py; its model is then called torch/<folder>/<name>.

Say here, in one sentence, what the model is and why it is worth testing. Then add one line to a manifest
(`- name: torch/<folder>/<name>`) and run it: `python -m runner torch/<folder>/<name> --target cpu`.
This file itself is no model: the loader passes over TEMPLATE_TORCH.py and over names that begin with `_`.
"""

from __future__ import annotations

from typing import Any

import torch

from suites import ModelTester
from suites.models.weights import spread


class TemplateTester(ModelTester):
    # -- Literals, all optional: the loader reads them without running this file, so write the values out. -----------
    variants = {"narrow": {"width": 8}, "wide": {"width": 64}}  # two models: …/<name>/narrow and …/<name>/wide
    tags = ("network",)  # words that manifests and the runner select by
    modes = ("eval", "train")  # train: one step is compared, the loss and its gradients; a manifest chooses
    required_pcc = 0.999  # 0.99 when left out
    required_atol = 1e-4  # 0.01 when left out; instead: relative_atol = 1e-5, of the largest golden magnitude
    # required_rtol = 1e-5              0 when left out
    # assert_atol = False               measured and shown, but not decisive; likewise assert_pcc, assert_tokens
    # issue = "https://…"               where a disabled check is tracked: obligatory then
    # group = "vision"                  where reports count the model
    # owner = "somebody"                who looks after it
    # files = ("weights/mine.pt",)      what get_file will be asked for: fetched before the case's clock starts
    # tuning = {"optimization-level": "O2"}         how the compiler is driven; a manifest has the same key
    # compiler_flags = {"llvm-cpu": ["--iree-opt-data-tiling=false"]}    also importer_flags, runtime_flags

    # -- Settings of this class, optional too. ------------------------------------------------------------------------
    # outputs_vary = False              a model whose output is one repeated value on purpose
    # save_outputs = True               keep what is compared as .npy files beside the logs

    def load_model(self) -> torch.nn.Module:
        """Return a torch.nn.Module; its mode is set afterwards. PyTorch's generator is seeded: use it for weights."""
        width = self.parameters["width"]
        return spread(torch.nn.Sequential(torch.nn.Linear(16, width), torch.nn.GELU(), torch.nn.Linear(width, 4)))

    def load_inputs(self) -> Any:
        """Return a tensor, a sequence of positional arguments, or a mapping of keyword arguments."""
        return torch.randn(2, 16)

    # -- Hooks with a default; delete what you do not change. ---------------------------------------------------------
    def forward(self, inputs: Any) -> Any:
        """The golden, from what `load_inputs` returned. Default: `self.model` is called without gradients."""
        return super().forward(inputs)

    def extract_outputs(self, outputs: Any) -> Any:
        """What of the model's outputs is compared; called for both sides, the same nest each time. Default: all."""
        return outputs

    def postprocess(self, outputs: Any) -> Any:
        """A last step before the comparison, for both sides, tensors by name: boxes, … Default: nothing."""
        return outputs

    def load_tokenizer(self) -> Any:
        """Something with `decode(ids) -> str`: whole-number outputs are then compared as text. Default: None."""
        return None

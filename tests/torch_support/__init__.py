"""Small PyTorch models as texts of model files, and jobs that run them on the path torch-mlir."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from runner.protocol import Job
from schemas.case import Source
from schemas.words import Path as ModelPath
from schemas.words import SourceKind, Stage
from tests.models_support import put
from tests.stages_support.cases import a_case, a_job

#: Above every test file that loads torch; such a file imports torch inside its tests only.
NEEDS_TORCH = pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is absent: make install EXTRAS=torch")

HEAD = """\
from __future__ import annotations
import dataclasses
import torch
from torch import nn
from suites import ModelTester

"""
NATIVE = (Stage.SETUP, Stage.CONSTRUCT_INPUTS, Stage.NATIVE_INFERENCE, Stage.POSTPROCESSING)
IMPORT = (Stage.SETUP, Stage.IMPORT_MODEL)


def model(forward: str, inputs: str, *, init: str = "pass", more: str = "") -> str:
    """A file with the tester `Mine` of a module with this constructor and forward pass, and these inputs."""
    return (
        HEAD
        + f"class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n{_in(init, 8)}\n"
        + f"{_in(forward, 4)}\n\n\nclass Mine(ModelTester):\n    def load_model(self):\n        return Net()\n\n"
        + f"    def load_inputs(self):\n        return {inputs}\n\n{_in(more, 4)}\n"
    )


def job_of(folder: Path, text: str, **settings: Any) -> Job:
    """A job of the file's class `Mine`; settings are the case's, but for `target` and `stages`, which are the job's."""
    file = put(folder, "mine.py", text)
    ours = {name: settings.pop(name) for name in ("target", "stages", "keep") if name in settings}
    defaults = {
        "id": "s/cpu/torch/mine@torch-mlir",
        "model": "torch/mine",
        "path": ModelPath.TORCH_MLIR,
        "source": Source(SourceKind.PYTHON, "mine.py:Mine"),
    }
    return a_job(folder, file, a_case(**(defaults | settings)), **ours)


def _in(text: str, by: int) -> str:
    return "\n".join(f"{' ' * by}{line}" for line in text.splitlines())

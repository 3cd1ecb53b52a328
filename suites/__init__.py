"""What is tested: targets, manifests, expectations, durations and the loader that turns them into cases.

`suites.workspace.load` reads a whole folder and returns every suite's cases, or every finding at once.
`from suites import ModelTester, OnnxModelTester, get_file` is what a model file begins with.
Nothing here imports onnx, numpy, iree or torch: the generator and the shard process stay light.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from suites.files import get_file as get_file
    from suites.models.onnx_tester import OnnxModelTester as OnnxModelTester
    from suites.models.torch_tester import ModelTester as ModelTester

__all__ = ["ModelTester", "OnnxModelTester", "get_file"]

#: What model files use, and where each is; loaded on first use.
_FACES = {
    "ModelTester": "suites.models.torch_tester",
    "OnnxModelTester": "suites.models.onnx_tester",
    "get_file": "suites.files",
}


def __getattr__(name: str) -> Any:
    if name not in _FACES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(importlib.import_module(_FACES[name]), name)

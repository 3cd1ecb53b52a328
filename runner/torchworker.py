"""The worker of shards with PyTorch models: the usual one, with torch loaded beforehand, which takes seconds."""

from __future__ import annotations

import contextlib
import importlib.util

from runner import worker
from runner.worker import run

__all__ = ["preload", "run"]


def preload() -> None:
    """Import what PyTorch cases need; runs no operator, which would start threads, and a fork must find one only."""
    worker.preload()
    if importlib.util.find_spec("torch") is None:
        return  # each case says so
    with contextlib.suppress(ImportError):  # likewise
        from runner.frontends import torch_mlir  # noqa: F401, PLC0415 - loaded for the cases to come
        from runner.frontends.torch_decompositions import decomposition_table  # noqa: PLC0415

        decomposition_table()

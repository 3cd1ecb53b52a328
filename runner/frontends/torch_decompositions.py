"""Operators of PyTorch's programs become the ones that torch-mlir lowers: its own table, built without torch-mlir.

The extra `torch-mlir` may be absent, and a module must not depend on whether it is; a test compares the two tables.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any

import torch
from torch._decomp import core_aten_decompositions, get_decompositions

_ATEN = torch.ops.aten

#: Beyond PyTorch's core decompositions.
_ALSO = (
    "native_group_norm",
    "upsample_bilinear2d.vec",
    "native_layer_norm",
    "addmm",
    "_native_batch_norm_legit_functional",
    "_native_batch_norm_legit_no_training",
    "_native_batch_norm_legit",
    "_native_batch_norm_legit.no_stats",
    "squeeze.dims",
    "_euclidean_dist",
    "grid_sampler_2d",
    "_adaptive_avg_pool2d",
    "full",
    "logsumexp",
    "_log_softmax",
    "_to_copy",
    "diag",
    "_scaled_dot_product_flash_attention_for_cpu",
    "scaled_dot_product_attention",
)

_FFT = tuple(f"{way}fft{kind}" for way in ("", "i", "r", "ir", "h", "ih") for kind in ("", "2", "n"))

#: Operators whose decomposition has no lowering, or a worse one than the operator itself.
_LEFT = (
    *("stft", "istft", "fft_fftshift", "fft_ifftshift", *(f"fft_{each}" for each in _FFT)),
    *("norm", "linalg_norm", "linalg_vector_norm", "linalg_slogdet", "roll", "one_hot", "empty_like", "rms_norm"),
    *("all", "isfinite", "logaddexp", "logaddexp2", "eye", "isclose"),
)


@functools.cache
def decomposition_table() -> dict[Any, Callable[..., Any]]:
    """From operator overloads to what replaces them."""
    left = {getattr(_ATEN, name) for name in _LEFT}
    core: Any = core_aten_decompositions()
    table = {each: core[each] for each in core if each._overloadpacket not in left}  # noqa: SLF001 - it has no other name
    table.update(get_decompositions([operator.attrgetter(name)(_ATEN) for name in _ALSO]))
    return table

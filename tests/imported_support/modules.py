"""Small modules with parameters, and the archives that go with them."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping

import numpy as np

#: Two scopes: `y = x @ model::w + bias::b`.
MLP = """\
module @mlp {
  util.global private @w = #flow.parameter.named<"model"::"w"> : tensor<4x3xf32>
  util.global private @b = #flow.parameter.named<"bias"::"b"> : tensor<2x3xf32>
  func.func @main(%x: tensor<2x4xf32>) -> tensor<2x3xf32> {
    %w = util.global.load @w : tensor<4x3xf32>
    %b = util.global.load @b : tensor<2x3xf32>
    %y = linalg.matmul ins(%x, %w : tensor<2x4xf32>, tensor<4x3xf32>) outs(%b : tensor<2x3xf32>) -> tensor<2x3xf32>
    return %y : tensor<2x3xf32>
  }
}
"""
#: One scope, `model`.
SCALED = """\
module @scaled {
  util.global private @s = #flow.parameter.named<"model"::"s"> : tensor<4xf32>
  func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
    %s = util.global.load @s : tensor<4xf32>
    %y = arith.mulf %x, %s : tensor<4xf32>
    return %y : tensor<4xf32>
  }
}
"""
#: Calls @scaled.main twice.
PIPELINE = """\
module @pipeline {
  func.func private @scaled.main(tensor<4xf32>) -> tensor<4xf32>
  func.func @twice(%x: tensor<4xf32>) -> tensor<4xf32> {
    %0 = func.call @scaled.main(%x) : (tensor<4xf32>) -> tensor<4xf32>
    %1 = func.call @scaled.main(%0) : (tensor<4xf32>) -> tensor<4xf32>
    return %1 : tensor<4xf32>
  }
}
"""
#: A library of transforms that matches nothing.
TUNER = """\
module attributes { transform.with_named_sequence } {
  transform.named_sequence @__kernel_config(%module: !transform.any_op {transform.consumed}) {
    transform.yield
  }
}
"""


def write_archive(path: pathlib.Path, values: Mapping[str, np.ndarray]) -> pathlib.Path:
    """An archive of parameters by name."""
    from iree import runtime as rt  # noqa: PLC0415 - few tests need it

    index = rt.ParameterIndex()
    for name, value in values.items():
        index.add_buffer(name, np.ascontiguousarray(value).tobytes())
    path.parent.mkdir(parents=True, exist_ok=True)
    index.create_archive_file(str(path))
    return path
